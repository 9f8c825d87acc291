// What one loop counts, and any thread may read.

import DNS
package import RegistryCore
import Synchronization

/// By what a query has come.
package enum DNSTransport: Int, Sendable, CaseIterable {
    case udp, tcp

    var name: String { self == .udp ? "udp" : "tcp" }
}

/// The counts of one loop. Safe to use from any thread.
package final class DNSCounts: Sendable {
    private struct State {
        /// By transport, then by code.
        var codes = [UInt64](repeating: 0, count: DNSTransport.allCases.count * ResponseCode.allCases.count)
        var figures = DNSFigures()
    }

    private let state = Mutex(State())

    package init() {}

    package var figures: DNSFigures {
        state.withLock { state in
            var figures = state.figures
            for transport in DNSTransport.allCases {
                for (place, code) in ResponseCode.allCases.enumerated() {
                    let count = state.codes[transport.rawValue * ResponseCode.allCases.count + place]
                    if count > 0 { figures.queries.append((transport.name, code.name, count)) }
                }
            }
            return figures
        }
    }

    func count(_ written: WrittenAnswer, by transport: DNSTransport, isLimited: Bool = false) {
        state.withLock { state in
            state.codes[transport.rawValue * ResponseCode.allCases.count + Self.place(of: written.code)] += 1
            if written.isTruncated { state.figures.truncated += 1 }
            if isLimited { state.figures.limited += 1 }
            if written.isCut { state.figures.cut += 1 }
        }
    }

    func countIgnored() { state.withLock { $0.figures.ignored += 1 } }

    func change(connections: Int) { state.withLock { $0.figures.connections += connections } }

    private static func place(of code: ResponseCode) -> Int {
        switch code {
        case .noError: 0
        case .formatError: 1
        case .serverFailure: 2
        case .nameError: 3
        case .notImplemented: 4
        case .refused: 5
        case .badVersion: 6
        }
    }
}
