// The query of a look-up, as the URL standard's form encoding has it: pairs between ampersands, `+` for a space. A name
// given twice is refused: which of the two a server obeys is otherwise anybody's guess.

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
