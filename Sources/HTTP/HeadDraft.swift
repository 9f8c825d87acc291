// A request's head while the request parser reads it. It becomes a `RequestHead` once the empty line behind it has come
// and nothing of it changes any more.

import Text

/// What has been read of a head.
struct HeadDraft: Sendable {
    /// The request line and header lines as received, without the empty line that ends them.
    ///
    /// Invariant: every range of this value lies within these bytes.
    var bytes: [UInt8] = []
    var method = Method.other
    /// 0 or 1: the minor version of HTTP/1.
    var minorVersion: UInt8 = 1
    /// The body that is to follow, when its length was declared; nil when it is chunked.
    var declaredLength: Int? = 0
    /// Whether the client wants the connection closed behind the answer.
    var closes = false
    /// Whether a field asks something of the transport that is more than to go on.
    var namesTransport = false
    /// Whether the target came in absolute form: then `Host` is what the target says.
    var isAbsolute = false
    /// Whether the target is a URL of https.
    var targetsHTTPS = false
    /// Of a large body: given back when the request is over.
    var room: LargeBodies.Room?
    /// How many of the bytes evhttp does not get to see.
    var excised = 0
    var targetRange = 0..<0
    /// Invariant: describes `targetRange`.
    var targetShape = TargetShape(pathEnd: 0, hasEscapes: false)
    private(set) var fieldRanges = RequestHead.FieldRanges(repeating: 0..<0)
    /// The fields that have to be looked for in the lines: those without a range here, and lists that came in several
    /// lines.
    private(set) var scattered = FieldSet()

    /// Whether the field has come, be it empty: a value lies behind its name, so never at 0.
    func has(_ field: RequestHead.Field) -> Bool {
        field.hasRange ? fieldRanges[field.rawValue].lowerBound > 0 : scattered.contains(field)
    }

    /// Gives back the room that the bytes do not take.
    mutating func trim() { bytes = bytes.fitted() }

    /// The field has come with a value in `range`.
    mutating func keep(_ field: RequestHead.Field, _ range: Range<Int>) {
        guard field.hasRange else { return scattered.insert(field) }
        fieldRanges[field.rawValue] = Int32(range.lowerBound)..<Int32(range.upperBound)
    }

    /// A list has come in one more line.
    mutating func keepOneMore(_ field: RequestHead.Field) { scattered.insert(field) }
}

/// A few of the fields.
struct FieldSet: Sendable {
    private var bits: UInt32 = 0

    func contains(_ field: RequestHead.Field) -> Bool { bits & 1 << UInt32(field.rawValue) != 0 }

    mutating func insert(_ field: RequestHead.Field) { bits |= 1 << UInt32(field.rawValue) }
}
