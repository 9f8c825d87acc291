// A table as people and `awk` read it: one line a row, columns two spaces apart, a header in capitals. Cells are escaped
// here, so that no command can forget it.

/// Rows of text under a header.
struct Table {
    struct Column {
        let title: String
        var isNumber = false

        static func text(_ title: String) -> Column { Column(title: title) }
        static func number(_ title: String) -> Column { Column(title: title, isNumber: true) }
    }

    /// What stands where there is nothing to say: a column is never empty, so that words can be counted.
    static let nothing = "-"
    private static let gap = "  "

    let columns: [Column]
    private(set) var rows: [[String]] = []

    init(_ columns: [Column]) { self.columns = columns }

    /// Adds a row with a cell for each column; nil and "" are shown as nothing.
    mutating func add(_ cells: [String?]) {
        rows.append(
            columns.indices.map { index in
                let cell = index < cells.count ? cells[index] ?? "" : ""
                return cell.isEmpty ? Self.nothing : TerminalText.escaped(cell)
            })
    }

    /// Lines, each with its end, the header first. The last column is not filled up, unless it has numbers.
    var text: String {
        let widths = columns.indices.map { index in
            rows.reduce(columns[index].title.count) { max($0, $1[index].count) }
        }
        var text = ""
        for row in [columns.map(\.title)] + rows {
            var line = ""
            for (index, cell) in row.enumerated() {
                let filling = String(repeating: " ", count: widths[index] - cell.count)
                if index > 0 { line += Self.gap }
                line += columns[index].isNumber ? filling + cell : cell + filling
            }
            while line.last == " " { line.removeLast() }
            text += line + "\n"
        }
        return text
    }
}
