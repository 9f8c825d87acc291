// Metrics leave the process in one format, the text that Prometheus scrapes. The shape of this API keeps the format's
// rule that a family is declared once and its samples follow it: samples can only be written inside their family.
// Format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format

import Text

/// Renders metric families as bytes. Names, label names and help are the program's own and are expected to be valid;
/// label values may be anything.
package struct PrometheusText: Sendable {
    /// What has been rendered so far.
    package private(set) var bytes: [UInt8] = []

    package init(reservingCapacity capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    /// A family of numbers that only rise (from each start of the process); the name ends in `_total`.
    package mutating func counter(_ name: StaticString, help: StaticString, _ samples: (inout Numbers) -> Void) {
        declare(name, help, "counter")
        var family = Numbers(name: name, bytes: take())
        samples(&family)
        bytes = family.bytes
    }

    /// A family of numbers that rise and fall.
    package mutating func gauge(_ name: StaticString, help: StaticString, _ samples: (inout Numbers) -> Void) {
        declare(name, help, "gauge")
        var family = Numbers(name: name, bytes: take())
        samples(&family)
        bytes = family.bytes
    }

    /// A family of latencies; the name ends in `_seconds`.
    package mutating func histogram(_ name: StaticString, help: StaticString, _ samples: (inout Histograms) -> Void) {
        declare(name, help, "histogram")
        var family = Histograms(name: name, bytes: take())
        samples(&family)
        bytes = family.bytes
    }

    /// Labels in the order they are rendered: `["operation": "renew"]`.
    package typealias Labels = KeyValuePairs<StaticString, String>

    /// The samples of one counter or gauge.
    package struct Numbers: Sendable {
        fileprivate let name: StaticString
        fileprivate var bytes: [UInt8]

        /// One sample; no two samples of a family have the same labels.
        package mutating func sample<Number: FixedWidthInteger>(_ value: Number, _ labels: Labels = [:]) {
            bytes.appendSeries(name, "", labels)
            bytes.append(decimal: value)
            bytes.append("\n")
        }

        /// One sample; no two samples of a family have the same labels.
        package mutating func sample(_ value: Double, _ labels: Labels = [:]) {
            bytes.appendSeries(name, "", labels)
            if value.isFinite {
                bytes.append(value.description.utf8.span)
            } else {
                bytes.append(value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf")
            }
            bytes.append("\n")
        }
    }

    /// The samples of one histogram family.
    package struct Histograms: Sendable {
        fileprivate let name: StaticString
        fileprivate var bytes: [UInt8]

        /// One histogram, its buckets cumulative and in seconds. No two of a family have the same labels, and none is
        /// called `le`.
        package mutating func sample(_ histogram: LatencyHistogram, _ labels: Labels = [:]) {
            var below: UInt64 = 0
            for (bucket, bound) in LatencyHistogram.bounds.enumerated() {
                below += histogram[bucket]
                bytes.appendSeries(name, "_bucket", labels, bound: bound)
                bytes.append(decimal: below)
                bytes.append("\n")
            }
            bytes.appendSeries(name, "_bucket", labels, bound: .max)
            bytes.append(decimal: histogram.count)
            bytes.append("\n")
            bytes.appendSeries(name, "_sum", labels)
            bytes.append(microsecondsAsSeconds: histogram.sum)
            bytes.append("\n")
            bytes.appendSeries(name, "_count", labels)
            bytes.append(decimal: histogram.count)
            bytes.append("\n")
        }
    }

    private mutating func declare(_ name: StaticString, _ help: StaticString, _ type: StaticString) {
        bytes.append("# HELP ")
        bytes.append(name)
        bytes.append(" ")
        help.withUTF8Buffer { unsafe bytes.append(escapingMetric: $0.span, quotes: false) }
        bytes.append("\n# TYPE ")
        bytes.append(name)
        bytes.append(" ")
        bytes.append(type)
        bytes.append("\n")
    }

    /// Hands the buffer over to a family, so that it is never copied.
    private mutating func take() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &bytes)
        return taken
    }
}

extension [UInt8] {
    /// Appends `name_suffix{label="value",le="bound"} `; a bound of `Int.max` is infinite.
    fileprivate mutating func appendSeries(
        _ name: StaticString, _ suffix: StaticString, _ labels: PrometheusText.Labels, bound: Int? = nil
    ) {
        append(name)
        append(suffix)
        var separator: StaticString = "{"
        for (label, value) in labels {
            append(separator)
            append(label)
            append("=\"")
            append(escapingMetric: value.utf8.span, quotes: true)
            append("\"")
            separator = ","
        }
        if let bound {
            append(separator)
            append("le=\"")
            if bound == .max { append("+Inf") } else { append(microsecondsAsSeconds: UInt64(bound)) }
            append("\"")
        }
        append(labels.isEmpty && bound == nil ? " " : "} ")
    }

    /// Appends the bytes with backslash, newline and (in label values) quote escaped.
    fileprivate mutating func append(escapingMetric text: Span<UInt8>, quotes: Bool) {
        for index in text.indices {
            switch text[index] {
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\n"): append("\\n")
            case UInt8(ascii: "\"") where quotes: append("\\\"")
            case let byte: append(byte)
            }
        }
    }

    /// Appends a number of microseconds as seconds, exactly: 2500000 is `2.5`.
    fileprivate mutating func append(microsecondsAsSeconds microseconds: UInt64) {
        append(decimal: microseconds / 1_000_000)
        var fraction = microseconds % 1_000_000
        guard fraction > 0 else { return }
        append(".")
        var unit: UInt64 = 100_000
        while fraction > 0 {
            append(UInt8(ascii: "0") + UInt8(fraction / unit))
            fraction %= unit
            unit /= 10
        }
    }
}
