// What has become of queries, for the metrics page, which does not know the protocol. Here because the protocol's room
// and the page's know nothing of each other.

/// Counts of queries since the start.
package struct DNSFigures: Sendable {
    /// By transport and by the code's name.
    package var queries: [(transport: String, code: String, count: UInt64)] = []
    /// Answers by UDP that left out records, and said so.
    package var truncated: UInt64 = 0
    /// Those of them that a network was over its allowance of.
    package var limited: UInt64 = 0
    /// Answers by TCP that left out records, because no message holds them.
    package var cut: UInt64 = 0
    /// Datagrams that were not answered: too long, or no queries.
    package var ignored: UInt64 = 0
    /// Connections by TCP that are open.
    package var connections = 0

    package init() {}

    package static func + (left: DNSFigures, right: DNSFigures) -> DNSFigures {
        var sum = left
        for entry in right.queries {
            if let index = sum.queries.firstIndex(where: { ($0.transport, $0.code) == (entry.transport, entry.code) }) {
                sum.queries[index].count += entry.count
            } else {
                sum.queries.append(entry)
            }
        }
        sum.truncated += right.truncated
        sum.limited += right.limited
        sum.cut += right.cut
        sum.ignored += right.ignored
        sum.connections += right.connections
        return sum
    }
}
