// The query of a look-up, as the URL standard's form encoding has it: pairs between ampersands, `+` for a space. A name
// given twice is refused: which of the two a server obeys is otherwise anybody's guess.

extension ArraySlice<UInt8> {
    /// Whether a query has a parameter whose name is spelled just so, without escapes. Takes nothing apart, since most
    /// queries that are asked have none.
    package func hasParameter(_ name: StaticString) -> Bool {
        let span = span
        var start = startIndex
        while true {
            if has(name, at: start) {
                let end = start + name.utf8CodeUnitCount
                if end == endIndex || self[end] == UInt8(ascii: "=") || self[end] == UInt8(ascii: "&") { return true }
            }
            guard let ampersand = span.first(UInt8(ascii: "&"), in: start - startIndex..<span.count) else {
                return false
            }
            start = startIndex + ampersand + 1
        }
    }
}

/// One parameter of a query.
public struct QueryParameter: Sendable, Equatable {
    /// More parameters than any look-up knows: one of them is unknown or comes twice, and comparing each with each
    /// would cost their square.
    public static let maximumCount = 32

    public let name: String
    /// Empty when the parameter came without `=`.
    public let value: String

    /// The parameters in the order sent. Throws a 400 refusal for a bad escape, a name that came twice, or too many of
    /// them.
    ///
    /// - Parameter repeatable: the one name that may come more than once.
    public static func parse(_ query: ArraySlice<UInt8>?, repeatable: String? = nil) throws(Refusal)
        -> [QueryParameter]
    {
        guard let query else { return [] }
        var parameters: [QueryParameter] = []
        for pair in query.split(separator: UInt8(ascii: "&")) {
            let equals = pair.firstIndex(of: UInt8(ascii: "="))
            let name = try PercentDecoding.string(pair[..<(equals ?? pair.endIndex)], as: .query)
            let value = try equals.map { $0 + 1 }.map { start throws(Refusal) in
                try PercentDecoding.string(pair[start...], as: .query)
            }
            // By bytes: String's own equality takes canonically equivalent names for the same.
            guard name == repeatable || !parameters.contains(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
                throw Refusal(.badRequest, "a query parameter is given twice")
            }
            guard parameters.count < maximumCount else {
                throw Refusal(.badRequest, "the query has more than \(maximumCount) parameters")
            }
            parameters.append(QueryParameter(name: name, value: value ?? ""))
        }
        return parameters
    }
}
