// However a connection's bytes are cut, and whenever its requests are taken, the gate says the same of them, and keeps
// to its limits.

import HTTP

enum ParserProperty {
    /// What a gate made of some bytes.
    private struct Verdict: Equatable {
        var heads: [[UInt8]] = []
        var lengths: [Int?] = []
        var refusal: Refusal?
        var activity: Activity?
        /// The bytes that evhttp must not see.
        var excised: [Int] = []

        mutating func take(from gate: inout RequestParser) {
            while let head = gate.takeRequest() {
                heads.append(head.bytes)
                lengths.append(head.declaredLength)
            }
        }
    }

    /// Short inputs meet limits that they can exceed: a fuzzer is slow to find its way past 64 KB.
    private static func limits(for bytes: [UInt8]) -> RequestLimits {
        var limits = RequestLimits()
        guard bytes.count <= 4_096 else { return limits }
        limits.target = 64
        limits.head = 512
        limits.headerLines = 8
        limits.body = 256
        return limits
    }

    static func violation(_ bytes: [UInt8]) -> String? {
        let limits = limits(for: bytes)
        let whole = verdict(bytes, limits, piece: bytes.count, takesAlong: false)
        // Any lengths will do, as long as the same bytes always give the same.
        for piece in [1, 2, bytes.count % 61 + 3] {
            let cut = verdict(bytes, limits, piece: piece, takesAlong: piece != 2)
            guard cut == whole else { return "cut into pieces of \(piece) it is \(cut), whole \(whole)" }
        }
        guard whole.heads.allSatisfy({ $0.count <= limits.head }) else { return "a head exceeds its limit" }
        guard whole.lengths.allSatisfy({ $0 ?? 0 <= limits.body }) else { return "a body exceeds its limit" }
        guard whole.excised.allSatisfy(bytes.indices.contains), Set(whole.excised).count == whole.excised.count else {
            return "bytes are excised that never came, or twice"
        }
        guard (whole.refusal != nil) == (whole.activity == .leaving) else { return "it is refused and goes on" }
        return nil
    }

    private static func verdict(_ bytes: [UInt8], _ limits: RequestLimits, piece: Int, takesAlong: Bool) -> Verdict {
        var gate = RequestParser(limits: limits)
        var verdict = Verdict()
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + piece)
            gate.feed(bytes[start..<end].span)
            for range in gate.takeExcisions() { verdict.excised += Array(range) }
            if takesAlong { verdict.take(from: &gate) }
            start = end
        }
        verdict.take(from: &gate)
        verdict.refusal = gate.refusal
        verdict.activity = gate.activity
        return verdict
    }
}
