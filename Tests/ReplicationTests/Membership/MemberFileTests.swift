// The file of a member: what the original writes is read, what we write the original reads, and nothing else is taken
// for a member's.

import TestTime
import Testing
import Time

@testable import Replication

struct MemberFileTests {
    /// As a member of the original wrote it.
    static let original = #"{"ip":"10.88.0.1","port":6100,"timestamp":"2026-11-23T00:04:31.770527017Z"}"#

    @Test func `a file of the original is read, and ours is the same to the byte`() throws {
        let file = try #require(MemberFile(Array(Self.original.utf8)))
        #expect(file.address == PeerAddress(host: "10.88.0.1", port: 6100))
        #expect(String(decoding: file.content, as: UTF8.self) == Self.original)
    }

    @Test(arguments: [
        ("2026-11-23T00:04:31Z", "2026-11-23T00:04:31.000000000Z"),
        ("2026-11-23T00:04:31.5Z", "2026-11-23T00:04:31.500000000Z"),
        ("2026-11-23T00:04:31.120000000Z", "2026-11-23T00:04:31.120000000Z"),
        ("2026-11-23T02:04:31.5+02:00", "2026-11-23T00:04:31.500000000Z"),
    ])
    func `a time is written in UTC and with nine digits, so that all files of a member are of one length`(
        read: String, written: String
    )
        throws
    {
        let file = try #require(MemberFile(Array(#"{"ip":"10.88.0.1","port":6100,"timestamp":"\#(read)"}"#.utf8)))
        #expect(
            String(decoding: file.content, as: UTF8.self)
                == #"{"ip":"10.88.0.1","port":6100,"timestamp":"\#(written)"}"#)
    }

    @Test(arguments: [
        #" {"timestamp":"2026-11-23T00:04:31Z","port":6100,"ip":"10.88.0.1"}"# + "\n",
        #"{"ip":"10.88.0.1","port":6100,"timestamp":"2026-11-23T00:04:31Z","zone":{"a":[1]}}"#,
    ])
    func `order, white space and keys of a later version do not matter`(text: String) {
        #expect(MemberFile(Array(text.utf8))?.address == PeerAddress(host: "10.88.0.1", port: 6100))
    }

    @Test(arguments: [
        "", " ", "{", "{}", "null", "[]", "6100", #""10.88.0.1:6100""#,
        #"{"ip":"10.88.0.1","port":6100}"#,
        #"{"ip":"10.88.0.1","timestamp":"2026-11-23T00:04:31Z"}"#,
        #"{"port":6100,"timestamp":"2026-11-23T00:04:31Z"}"#,
        #"{"ip":"10.88.0.1","port":0,"timestamp":"2026-11-23T00:04:31Z"}"#,
        #"{"ip":"10.88.0.1","port":65536,"timestamp":"2026-11-23T00:04:31Z"}"#,
        #"{"ip":"10.88.0.1","port":-1,"timestamp":"2026-11-23T00:04:31Z"}"#,
        #"{"ip":"10.88.0.1","port":"6100","timestamp":"2026-11-23T00:04:31Z"}"#,
        #"{"ip":"host","port":6100,"timestamp":"2026-11-23T00:04:31Z"}"#,
        #"{"ip":null,"port":6100,"timestamp":"2026-11-23T00:04:31Z"}"#,
        #"{"ip":"10.88.0.1","port":6100,"timestamp":"yesterday"}"#,
        #"{"ip":"10.88.0.1","port":6100,"timestamp":"2026-11-23T00:04:3"#,
        #"{"ip":"10.88.0.1","ip":"10.88.0.2","port":6100,"timestamp":"2026-11-23T00:04:31Z"}"#,
        #"{"ip":"10.88.0.1","port":6100,"timestamp":"2026-11-23T00:04:31Z"}{}"#,
        #"{"ip":"10.88.0.1","port":6100,"timestamp":"2026-11-23T00:04:31Z","x":"#
            + String(repeating: "[", count: 2_000),
    ])
    func `what a member does not write is no member's`(text: String) {
        #expect(MemberFile(Array(text.utf8)) == nil)
    }

    @Test func `a file cut short anywhere is no member's`() {
        let whole = Array(Self.original.utf8)
        for length in whole.indices { #expect(MemberFile(Array(whole[..<length])) == nil, "cut to \(length)") }
    }

    @Test func `a file beyond the limit is no member's, however well it is written`() {
        let filler = String(repeating: " ", count: MemberFile.largest)
        #expect(MemberFile(Array((Self.original + filler).utf8)) == nil)
    }

    @Test(arguments: [
        ("10.88.0.1:6100", PeerAddress(host: "10.88.0.1", port: 6100)),
        ("[fd00::1]:6100", PeerAddress(host: "fd00::1", port: 6100)),
        ("fd00::1:6100", PeerAddress(host: "fd00::1", port: 6100)),
        ("10.88.0.1", nil), ("10.88.0.1:", nil), ("10.88.0.1:0", nil), ("10.88.0.01:6100", nil),
        ("10.88.0.1:6100~", nil),
        (".10.88.0.1:6100.new", nil),
        ("lost+found", nil), ("", nil), (":6100", nil), ("registry:6100", nil),
    ])
    func `a name is a member's or not`(name: String, address: PeerAddress?) {
        #expect(MemberFile.address(named: name) == address)
    }

    @Test(arguments: [PeerAddress(host: "10.88.0.1", port: 6100), PeerAddress(host: "fd00::1", port: 1)])
    func `a name leads back to its address`(address: PeerAddress) {
        #expect(MemberFile.address(named: MemberFile.name(of: address)) == address)
    }

    @Test func `two records mixed at any byte, as a reader may find them, are a whole record of the same member`() {
        let address = PeerAddress(host: "10.88.0.1", port: 6100)
        let before = MemberFile(address: address, timestamp: 1_795_392_271_999_999_999).content
        let after = MemberFile(address: address, timestamp: 1_795_392_279_000_000_000).content
        #expect(before.count == after.count)
        for cut in 0...after.count {
            #expect(MemberFile(Array(after[..<cut] + before[cut...]))?.address == address, "mixed at \(cut)")
        }
    }
}
