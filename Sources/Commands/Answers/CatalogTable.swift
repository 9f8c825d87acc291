// The sources that the registry reads besides what is registered with it.

enum CatalogTable {
    /// `GET /api/v1/catalogs`: a row a source, then its problems, one a line.
    static func text(_ answer: JSONTree) -> String {
        let catalogs = answer["catalogs"].elements
        guard !catalogs.isEmpty else { return "This registry reads no other registry and no files.\n" }
        var table = Table([
            .text("SOURCE"), .text("STATE"), .number("READ AGO"), .number("LAG"), .number("SERVICES"),
            .number("INSTANCES"), .number("FAILURES"), .number("PROBLEMS"),
        ])
        for catalog in catalogs {
            table.add([
                catalog["name"].string, catalog["state"].string,
                catalog["age_ms"].integer.map(TimeText.span(milliseconds:)),
                catalog["lag_ms"].integer.map(TimeText.span(milliseconds:)),
                catalog["services"].integer.map { "\($0)" }, catalog["instances"].integer.map { "\($0)" },
                catalog["failures"].integer.map { "\($0)" }, catalog["problem_count"].integer.map { "\($0)" },
            ])
        }
        var text = table.text
        for catalog in catalogs {
            for problem in catalog["problems"].elements {
                let place = problem["place"].string.map { " (\($0))" } ?? ""
                text += TerminalText.escaped(
                    "\(catalog["name"].string ?? "?"): \(problem["text"].string ?? "")\(place)")
                text += "\n"
            }
        }
        return text
    }
}
