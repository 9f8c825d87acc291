// Commands against hiredis' own formatter, and errors by their words.

import CHiredis
import RESP
import TestRandom
import Testing

struct RESPCommandTests {
    @Test(arguments: [UInt64](1...20))
    func `a command is what hiredis would send`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let arguments = (0..<Int.random(in: 1...300, using: &random)).map { _ in
            (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        var command = RESPCommand("FCALL")
        for argument in arguments { command.append(argument) }
        let numbers = [-12, 0, 9, 10, .min, .max, Int64.random(in: .min ... .max, using: &random)]
        for number in numbers { command.append(number) }
        var bytes: [UInt8] = []
        command.write(to: &bytes)
        #expect(
            bytes == formatted([Array("FCALL".utf8)] + arguments + numbers.map { Array(String($0).utf8) }),
            "seed \(seed)")
        #expect(bytes.count == command.bytes && command.count == arguments.count + 8, "seed \(seed)")
    }

    /// By hiredis.
    private func formatted(_ arguments: [[UInt8]]) -> [UInt8] {
        var target: UnsafeMutablePointer<CChar>?
        let joined = arguments.flatMap { $0 }
        let count = joined.withUnsafeBytes { bytes in
            var offset = 0
            let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            var pointers: [UnsafePointer<CChar>?] = arguments.map { argument in
                defer { offset += argument.count }
                return start.map { $0 + offset }
            }
            return redisFormatCommandArgv(&target, Int32(arguments.count), &pointers, arguments.map(\.count))
        }
        defer { redisFreeCommand(target) }
        return Array(UnsafeRawBufferPointer(start: target, count: Int(count)))
    }

    @Test func `an error is known by its word`() {
        #expect(RESPFault("OOM command not allowed when used memory > 'maxmemory'.").kind == .full)
        #expect(RESPFault("READONLY You can't write against a read only replica.").kind == .readOnly)
        #expect(RESPFault("ERR Function not found").kind == .noFunction)
        #expect(RESPFault("A8EPOCH").kind == .foreignEpoch)
        let other = RESPFault("ERR syntax error")
        #expect(other.kind == .other && other.word == "ERR" && other.sentence == "ERR syntax error")
        #expect(RESPFault("").word.isEmpty)
    }

    @Test func `a redirect names the node, and one that names none is an error like others`() {
        func moved(_ host: String, _ port: UInt16) -> RESPFault.Kind {
            .moved(RESPRedirect(slot: 3_999, host: host, port: port))
        }
        #expect(RESPFault("MOVED 3999 127.0.0.1:6381").kind == moved("127.0.0.1", 6_381))
        #expect(RESPFault("MOVED 3999 ::1:6381").kind == moved("::1", 6_381))
        #expect(RESPFault("MOVED 3999 :6381").kind == moved("", 6_381))
        #expect(RESPFault("ASK 1 a:2").kind == .ask(RESPRedirect(slot: 1, host: "a", port: 2)))
        for text in [
            "MOVED", "MOVED 1", "MOVED 16384 a:1", "MOVED -1 a:1", "MOVED 1 a", "MOVED 1 a:0", "ASK 1 a:99999",
        ] {
            #expect(RESPFault(text).kind == .other, "\(text)")
        }
    }
}
