// From settings to the two ports of DNS, and what the loops share of it.

import Configuration
import DNSServer
import Libevent
import RegistryCore
import ReplicationServer
import Text

/// The ports of DNS, which have one number.
struct DNSParts {
    let port: UInt16
    private let datagrams: ListeningPort
    private let streams: ListeningPort
    private let configuration: DNSConfiguration
    /// Of each loop.
    private let counts: [DNSCounts]

    /// How often the system is asked for a number that is free for both.
    private static let choices = 16

    /// Nil when it is off.
    init?(_ settings: Settings, loops: Int) throws(PortError) {
        guard case .number(let number) = settings.dnsPort,
            let configuration = DNSConfiguration(settings, address: Self.address(settings))
        else { return nil }
        self.configuration = configuration
        (streams, datagrams) = try Self.open(number, settings.listenAddress, loops)
        port = streams.port
        counts = (0..<loops).map { _ in DNSCounts() }
    }

    private static func open(_ number: UInt16, _ address: String, _ loops: Int) throws(PortError) -> (
        streams: ListeningPort, datagrams: ListeningPort
    ) {
        var choices = number == 0 ? choices : 1
        while true {
            choices -= 1
            let streams = try ListeningPort(address: address, port: number, count: loops)
            do throws(PortError) {
                return (streams, try ListeningPort(address: address, port: streams.port, count: loops, of: .datagrams))
            } catch {
                // Somebody else may have the number that the system chose; it stays ours, unused.
                guard case .inUse = error, choices > 0 else { throw error }
            }
        }
    }

    /// Where this server says that it is: as the operator says, else where it listens, else at the machine's first
    /// address.
    private static func address(_ settings: Settings) -> IPAddress? {
        if let given = settings.advertiseAddress { return given.host }
        guard let listens = IPAddress(settings.listenAddress), !listens.isUnspecified else {
            return LocalAddresses.advertised()
        }
        return listens
    }

    /// What the loop with this number serves.
    func service(_ index: Int) -> LoopWorker.DNSService {
        LoopWorker.DNSService(
            datagrams: datagrams.descriptors[index], streams: streams.descriptors[index],
            configuration: configuration, counts: counts[index])
    }

    /// Of all loops together.
    var figures: @Sendable () -> DNSFigures {
        { [counts] in counts.reduce(DNSFigures()) { $0 + $1.figures } }
    }
}
