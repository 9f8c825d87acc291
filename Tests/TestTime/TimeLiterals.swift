// Tests own their time, and count it in milliseconds: `at: 1_500` is an instant, and `now + 250` a quarter of a second
// later.

import Time

extension MonotonicTime: ExpressibleByIntegerLiteral {
    public init(integerLiteral milliseconds: Int64) { self.init(milliseconds: milliseconds) }
}

extension Duration: @retroactive ExpressibleByIntegerLiteral {
    public init(integerLiteral milliseconds: Int64) { self = .milliseconds(milliseconds) }
}

extension MonotonicTime: CustomStringConvertible {
    public var description: String { "\(milliseconds)" }
}

extension MonotonicTime {
    /// Whole milliseconds within the range, with equal chances.
    public static func random(
        in range: ClosedRange<MonotonicTime>, using random: inout some RandomNumberGenerator
    ) -> MonotonicTime {
        .zero + .random(in: (range.lowerBound - .zero)...(range.upperBound - .zero), using: &random)
    }
}

extension Duration {
    public static func * (count: Int, interval: Duration) -> Duration { interval * count }
}
