// The registry's own metrics, read back from the text that Prometheus scrapes: what `registry top` shows needs nothing
// that a monitor does not have.

/// One reading of `/metrics`.
struct MetricsReading: Sendable {
    struct Sample: Sendable, Equatable {
        let labels: [String: String]
        let value: Double
    }

    private var samples: [String: [Sample]] = [:]

    /// Lines that are no sample are passed over.
    init(_ text: [UInt8]) {
        for line in text.split(separator: UInt8(ascii: "\n")) where line.first != UInt8(ascii: "#") {
            guard let (name, sample) = Self.sample(line) else { continue }
            samples[name, default: []].append(sample)
        }
    }

    private static func sample(_ line: ArraySlice<UInt8>) -> (String, Sample)? {
        let name = line.prefix { $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: " ") }
        var rest = line[name.endIndex...]
        var labels: [String: String] = [:]
        if rest.first == UInt8(ascii: "{") {
            rest = rest.dropFirst()
            while let first = rest.first, first != UInt8(ascii: "}") {
                let key = rest.prefix { $0 != UInt8(ascii: "=") }
                rest = rest[key.endIndex...].dropFirst(2)
                var value: [UInt8] = []
                while let byte = rest.first, byte != UInt8(ascii: "\"") {
                    rest = rest.dropFirst()
                    guard byte == UInt8(ascii: "\\"), let escaped = rest.first else {
                        value.append(byte)
                        continue
                    }
                    value.append(escaped == UInt8(ascii: "n") ? 0x0A : escaped)
                    rest = rest.dropFirst()
                }
                labels[String(decoding: key, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
                rest = rest.dropFirst()
                if rest.first == UInt8(ascii: ",") { rest = rest.dropFirst() }
            }
            rest = rest.dropFirst()
        }
        let words = rest.split(separator: UInt8(ascii: " "))
        guard !name.isEmpty, let word = words.first, let value = Double(String(decoding: word, as: UTF8.self)) else {
            return nil
        }
        return (String(decoding: name, as: UTF8.self), Sample(labels: labels, value: value))
    }

    /// The samples of a name whose labels have this value, or all of them.
    func samples(_ name: String, _ label: String? = nil, _ value: String? = nil) -> [Sample] {
        let all = samples[name] ?? []
        guard let label else { return all }
        return all.filter { $0.labels[label] == value }
    }

    /// Their sum; nil where there is none.
    func sum(_ name: String, _ label: String? = nil, _ value: String? = nil) -> Double? {
        let found = samples(name, label, value)
        return found.isEmpty ? nil : found.reduce(0) { $0 + $1.value }
    }
}
