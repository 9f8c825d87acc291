// `registry check`: asks the registry of this machine, by the settings that it was started with, whether it is ready or
// at least lives. For health checks of containers, whose image then needs no other program, and whose ports and TLS may
// be set as one likes.

package import Configuration
import System
package import Time

/// Where to ask, and how.
package struct HealthCheck: Sendable, Equatable {
    /// Why the registry does not pass, in words.
    package struct Failure: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// What is asked.
    package enum Question: Sendable {
        /// Whether it wants requests: `/readyz`.
        case ready
        /// Whether it works at all: `/livez`.
        case live

        package var path: String { self == .ready ? "/readyz" : "/livez" }
    }

    package let address: String
    package let port: UInt16
    package let isSecure: Bool

    /// - Parameter readPortFile: the contents of the port file; nil when it is not there.
    package init(_ settings: Settings, readPortFile: (String) -> String?) throws(Failure) {
        address = Self.reachable(settings.listenAddress)
        let taken = settings.portFile.flatMap(readPortFile).map(Self.ports) ?? [:]
        if settings.apiPort != .off, let port = taken["api"] ?? settings.apiPort.fixed {
            (self.port, isSecure) = (port, false)
        } else if settings.tls != nil, let port = taken["https"] ?? settings.httpsPort.fixed {
            (self.port, isSecure) = (port, true)
        } else if let file = settings.portFile {
            throw Failure(
                description: "the system chooses the port, and \(file) does not name it yet: the registry "
                    + "is not serving")
        } else {
            throw Failure(description: "the system chooses the port, and port_file is not set, so the port is unknown")
        }
    }

    /// Asks. Throws unless the answer is 200; takes as long as `deadline` at
    /// most.
    ///
    /// - Parameter certificate: paths of a client's certificate and its key, for a TLS port that asks for one.
    package func ask(_ question: Question, certificate: (path: String, key: String)? = nil, deadline: MonotonicTime)
        throws(Failure)
    {
        let request = Array("GET \(question.path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
        let answer: [UInt8]
        do throws(ProbeConnection.Failure) {
            let connection = try ProbeConnection(to: address, port: port, deadline: deadline)
            answer =
                isSecure ? try connection.exchange(request, certificate: certificate) : try connection.exchange(request)
        } catch {
            throw Failure(description: error.description)
        }
        try Self.judge(answer)
    }

    /// Throws unless it is an answer of 200.
    package static func judge(_ answer: [UInt8]) throws(Failure) {
        let text = String(decoding: answer, as: UTF8.self)
        let line = text.prefix { !$0.isNewline }
        let words = line.split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw Failure(description: "the server that answers is not a registry")
        }
        guard status != 200 else { return }
        let body = text.firstRange(of: "\r\n\r\n").map { text[$0.upperBound...] } ?? ""
        throw Failure(description: "\(status) \(body.prefix(200))")
    }

    /// An address at which what listens on all addresses is reached too.
    private static func reachable(_ address: String) -> String {
        switch address {
        case "0.0.0.0": "127.0.0.1"
        case "::": "::1"
        default: address
        }
    }

    private static func ports(_ text: String) -> [String: UInt16] {
        var ports: [String: UInt16] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, let port = UInt16(words[1]) { ports[String(words[0])] = port }
        }
        return ports
    }
}

extension Settings.Port {
    /// The number, unless the system is to choose it.
    fileprivate var fixed: UInt16? {
        if case .number(let number) = self, number != 0 { number } else { nil }
    }
}
