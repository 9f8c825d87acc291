// Which requests the registry refused lately: for a client that does not get on, seen from outside of it.

enum RefusalTable {
    /// `GET /api/v1/refusals`, a row for each kind of refusal, the latest first.
    static func text(_ answer: JSONTree) -> String {
        var table = Table([
            .text("LAST"), .number("COUNT"), .number("STATUS"), .text("CLIENT"), .text("NAMESPACE"), .text("REQUEST"),
            .text("WHY"),
        ])
        for refusal in answer["refusals"].elements {
            let words = [refusal["method"].string, refusal["path"].string].compactMap(\.self)
            table.add([
                TimeText.short(refusal["last"].string), refusal["count"].integer.map { "\($0)" },
                refusal["status"].integer.map { "\($0)" }, refusal["client"].string, refusal["namespace"].string,
                words.isEmpty ? refusal["operation"].string : words.joined(separator: " "), refusal["error"].string,
            ])
        }
        return table.text
    }
}
