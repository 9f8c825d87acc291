// The properties of the fuzz targets on their seeds, on mutations of those, and on everything that has ever broken one:
// an input that libFuzzer finds is written to Crashes and stays there.

import Foundation
import TestRandom
import Testing

struct FuzzTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()

    private static func lines(_ name: String) throws -> [[UInt8]] {
        try Array(Data(contentsOf: folder.appending(path: name))).split(separator: 0x0A).map(Array.init)
    }

    /// As `unpack_seeds.py` reads them.
    private static func seeds(_ target: FuzzTarget) throws -> [[UInt8]] {
        switch target {
        case .gate:
            try lines("../Corpus/requests.jsonl").map { line in
                let object = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
                return raw(object?["bytes"])
            }
        case .json, .envoy: try lines("Seeds/\(target.rawValue).txt")
        case .dns:
            try lines("Seeds/dns.txt").map { line in
                let digits = String(decoding: line, as: UTF8.self).filter { $0 != " " }
                return stride(from: 0, to: digits.count, by: 2).compactMap {
                    UInt8(digits.dropFirst($0).prefix(2), radix: 16)
                }
            }
        case .target, .jwt:
            try lines("Seeds/\(target.rawValue).txt").map { line in
                Array(String(decoding: line, as: UTF8.self).replacing(#"\n"#, with: "\n").utf8)
            }
        }
    }

    private static func raw(_ value: Any?) -> [UInt8] {
        if let text = value as? String { return text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }
        guard let pieces = value as? [Any] else { return [] }
        if pieces.count == 2, let times = pieces[1] as? Int { return (0..<times).flatMap { _ in raw(pieces[0]) } }
        return pieces.flatMap(raw)
    }

    @Test(arguments: FuzzTarget.allCases)
    func `the seeds keep the property`(_ target: FuzzTarget) throws {
        let seeds = try Self.seeds(target)
        #expect(seeds.count > 10)
        for seed in seeds {
            #expect(target.violation(seed) == nil, "\(String(decoding: seed.prefix(200), as: UTF8.self))")
        }
    }

    @Test func `what once broke a property keeps it now`() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: Self.folder.appending(path: "Crashes").path) {
            // libFuzzer names them gate-crash-0123….
            guard let target = FuzzTarget(rawValue: String(name.prefix { $0 != "-" })) else { continue }
            let bytes = try Array(Data(contentsOf: Self.folder.appending(path: "Crashes/\(name)")))
            #expect(target.violation(bytes) == nil, "\(name)")
        }
    }

    @Test(arguments: FuzzTarget.allCases, 1...3 as ClosedRange<UInt64>)
    func `mutations of the seeds keep the property`(_ target: FuzzTarget, seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        for bytes in try Self.seeds(target) where !bytes.isEmpty && bytes.count < 1_000 {
            var mutated = bytes
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<mutated.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: mutated[index] = .random(in: 0 ... .max, using: &generator)
                case 1: mutated.insert(mutated[Int.random(in: 0..<mutated.count, using: &generator)], at: index)
                default: if mutated.count > 1 { mutated.remove(at: index) }
                }
            }
            if let violation = target.violation(mutated) { Issue.record("seed \(seed): \(mutated): \(violation)") }
        }
    }
}
