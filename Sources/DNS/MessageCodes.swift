// The numbers of DNS messages that this server reads or writes, under their names.

/// What becomes of a query (RFC 1035, section 4.1.1, and RFC 6891, section 9).
package enum ResponseCode: Int, Sendable, CaseIterable {
    case noError = 0
    /// The message breaks the format.
    case formatError = 1
    /// The server cannot answer now.
    case serverFailure = 2
    /// There is no such name, nor any below it.
    case nameError = 3
    /// The kind of query is none that is known here.
    case notImplemented = 4
    case refused = 5
    /// The version of EDNS is none that is known here.
    case badVersion = 16

    /// The label that metrics know it by.
    package var name: String {
        switch self {
        case .noError: "NOERROR"
        case .formatError: "FORMERR"
        case .serverFailure: "SERVFAIL"
        case .nameError: "NXDOMAIN"
        case .notImplemented: "NOTIMP"
        case .refused: "REFUSED"
        case .badVersion: "BADVERS"
        }
    }
}

/// The types of records, and of questions.
package enum RecordType {
    package static let a: UInt16 = 1
    package static let ns: UInt16 = 2
    package static let cname: UInt16 = 5
    package static let soa: UInt16 = 6
    package static let hinfo: UInt16 = 13
    package static let aaaa: UInt16 = 28
    package static let srv: UInt16 = 33
    package static let opt: UInt16 = 41
    /// A part of a zone, and all of it.
    package static let ixfr: UInt16 = 251
    package static let axfr: UInt16 = 252
    package static let any: UInt16 = 255
}

/// The class of the Internet, the only one.
package let internetClass: UInt16 = 1

/// The bits of a header's second word.
enum HeaderBits {
    static let response: UInt16 = 0x8000
    static let opcode: UInt16 = 0x7800
    static let authoritative: UInt16 = 0x0400
    static let truncated: UInt16 = 0x0200
    static let recursionDesired: UInt16 = 0x0100
    static let checkingDisabled: UInt16 = 0x0010
    /// What an answer has as the question had it.
    static let copied = opcode | recursionDesired | checkingDisabled
}
