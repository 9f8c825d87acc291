// The records of a service, written once and sent many times. All records of one question have the question's name, to
// which they point, and the question always stands at the same place: so their bytes are the same in every answer, and
// an answer is a few copies.

package import Text

/// Records of one type, one after the other.
struct RecordRun: Sendable {
    private(set) var bytes: [UInt8] = []
    /// Where each ends.
    private(set) var ends: [Int] = []

    var count: Int { ends.count }

    /// Appends a record of the name asked for. `write` appends its data.
    mutating func append(_ type: UInt16, ttl: UInt32, _ write: (inout [UInt8]) -> Void) {
        bytes.append(record: type, ttl: ttl, owner: .question, write)
        ends.append(bytes.count)
    }

    /// How many of the first records fit into this many bytes.
    func count(within room: Int) -> Int {
        guard bytes.count > room else { return count }
        var (low, high) = (0, ends.count)
        while low < high {
            let middle = (low + high) / 2
            if ends[middle] <= room { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Where the records before this one end.
    func start(_ index: Int) -> Int { index == 0 ? 0 : ends[index - 1] }
}

/// All that is answered about a service. Immutable.
package struct AnswerMaterial: Sendable {
    /// Bytes of a record before its data, its name being a pointer.
    static let recordHead = 12
    /// Priority, weight and port, which stand before the target.
    static let targetOffset = 6

    let srv: RecordRun
    /// The addresses of one family each; where there is none at all but a single name of a host, `alias` has it.
    let a: RecordRun
    let aaaa: RecordRun
    let alias: RecordRun
    /// Of each target in `srv`, in the same order: which of `hosts` it is; -1 for a name of a host.
    let hostOfTarget: [Int]
    /// The distinct addresses, each as a record without its name: type, class, TTL and data.
    let hosts: [[UInt8]]
    /// Whether several targets have one address.
    let sharesHosts: Bool

    /// About how many bytes it keeps.
    package var size: Int {
        2 * (srv.bytes.count + a.bytes.count + aaaa.bytes.count + alias.bytes.count) + 64 * hosts.count + 512
    }

    /// - Parameters:
    ///   - targets: in any order. Of those at one host and port the one that comes first by `order` counts.
    ///   - ttl: in seconds.
    package init(_ targets: [Target], ttl: UInt32, in zone: Zone) {
        var (srv, a, aaaa, alias) = (RecordRun(), RecordRun(), RecordRun(), RecordRun())
        var hostOfTarget: [Int] = []
        var hosts: [[UInt8]] = []
        var known: [IPAddress: Int] = [:]
        var names: Set<DomainName> = []
        var seen: Set<Place> = []
        for target in targets.sorted(by: { ($0.order, $0.port) < ($1.order, $1.port) }) {
            guard seen.insert(Place(host: target.host, port: target.port)).inserted else { continue }
            let name: [UInt8]
            switch target.host {
            case .name(let host):
                name = host.wire
                names.insert(host)
                hostOfTarget.append(-1)
            case .address(let address):
                name = zone.name(of: address)
                if let index = known[address] {
                    hostOfTarget.append(index)
                } else {
                    known[address] = hosts.count
                    hostOfTarget.append(hosts.count)
                    let type = address.isSix ? RecordType.aaaa : RecordType.a
                    var host: [UInt8] = []
                    host.append(record: type, ttl: ttl, owner: .none) { $0 += address.octets }
                    hosts.append(host)
                    if address.isSix {
                        aaaa.append(type, ttl: ttl) { $0 += address.octets }
                    } else {
                        a.append(type, ttl: ttl) { $0 += address.octets }
                    }
                }
            }
            srv.append(RecordType.srv, ttl: ttl) {
                $0.append(short: 1)
                $0.append(short: UInt16(target.weight) << 8)
                $0.append(short: target.port)
                $0 += name
            }
        }
        if hosts.isEmpty, names.count == 1, let name = names.first {
            alias.append(RecordType.cname, ttl: ttl) { $0 += name.wire }
        }
        (self.srv, self.a, self.aaaa, self.alias) = (srv, a, aaaa, alias)
        (self.hostOfTarget, self.hosts) = (hostOfTarget, hosts)
        sharesHosts = hostOfTarget.count { $0 >= 0 } > hosts.count
    }

    /// The addresses of a name that stands for them alone.
    package init(_ addresses: [IPAddress], ttl: UInt32) {
        var (a, aaaa) = (RecordRun(), RecordRun())
        for address in addresses {
            if address.isSix {
                aaaa.append(RecordType.aaaa, ttl: ttl) { $0 += address.octets }
            } else {
                a.append(RecordType.a, ttl: ttl) { $0 += address.octets }
            }
        }
        (self.a, self.aaaa, srv, alias) = (a, aaaa, RecordRun(), RecordRun())
        (hostOfTarget, hosts, sharesHosts) = ([], [], false)
    }

    /// The records that answer a question of this type.
    func run(_ type: UInt16) -> RecordRun {
        switch type {
        case RecordType.srv: srv
        case RecordType.a: a.count > 0 ? a : alias
        case RecordType.aaaa: aaaa.count > 0 ? aaaa : alias
        case RecordType.cname: alias
        default: RecordRun()
        }
    }

    private struct Place: Hashable {
        let host: Target.Host
        let port: UInt16
    }
}

extension Zone {
    /// The name, in wire format, that an address has here: `7f000001.addr.ZONE`.
    func name(of address: IPAddress) -> [UInt8] {
        let octets = address.octets
        var name: [UInt8] = [UInt8(2 * octets.count)]
        for octet in octets {
            name.append(UInt8(hexDigitOf: UInt64(octet >> 4)))
            name.append(UInt8(hexDigitOf: UInt64(octet)))
        }
        name.append(4)
        name += Array("addr".utf8)
        return name + origin.wire
    }
}

// MARK: - Writing

/// What stands in a record for its name.
enum RecordOwner {
    /// A pointer to the question's name.
    case question
    /// A pointer to an offset below 16,384.
    case pointer(Int)
    /// Nothing: it is written already.
    case none
}

extension [UInt8] {
    mutating func append(short number: UInt16) {
        append(UInt8(truncatingIfNeeded: number >> 8))
        append(UInt8(truncatingIfNeeded: number))
    }

    mutating func append(long number: UInt32) {
        append(short: UInt16(truncatingIfNeeded: number >> 16))
        append(short: UInt16(truncatingIfNeeded: number))
    }

    /// Appends a record. `write` appends its data.
    mutating func append(record type: UInt16, ttl: UInt32, owner: RecordOwner, _ write: (inout [UInt8]) -> Void) {
        switch owner {
        case .question: append(short: 0xC000 | UInt16(Query.start))
        case .pointer(let offset): append(short: 0xC000 | UInt16(offset))
        case .none: break
        }
        append(short: type)
        append(short: internetClass)
        append(long: ttl)
        let start = count
        append(short: 0)
        write(&self)
        set(number: UInt16(count - start - 2), at: start)
    }

    mutating func set(number: UInt16, at offset: Int) {
        self[offset] = UInt8(truncatingIfNeeded: number >> 8)
        self[offset + 1] = UInt8(truncatingIfNeeded: number)
    }
}
