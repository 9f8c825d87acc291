// The two header values that the border interprets: what Accept-Encoding offers, and which X-Request-Id is handed back.

import HTTP
import Testing

@Suite struct FieldValueTests {
    @Test(arguments: [
        ("gzip", true), ("GZip", true), ("x-gzip", true), ("deflate, gzip, br", true), ("br,gzip", true),
        (" gzip ", true),
        ("\tgzip\t", true),
        ("gzip;q=1", true), ("gzip;q=0.5", true), ("gzip; q=0.001", true), ("gzip ; q=1.000", true),
        ("gzip;Q=0.1", true),
        (",,gzip,", true),
        ("*", true), ("*;q=0.1", true), ("identity;q=0, *", true), ("br, *;q=0.1", true), ("*;q=0, gzip", true),
        ("gzip, *;q=0", true),
        // R118 gzip;q=0 is no offer.
        ("gzip;q=0", false), ("gzip; q=0", false), ("gzip ;\tq=0.0", false), ("gzip;q=0.000", false),
        ("gzip;q=0.", false),
        ("GZIP;Q=0", false),
        ("gzip;q=0, *", false), ("*, gzip;q=0", false), ("*;q=0", false), ("br, *;q=0", false), ("x-gzip;q=0", false),
        ("deflate;q=1, gzip;q=0", false),
        ("", false), (",", false), (";", false), (";q=1", false), ("identity", false), ("br", false),
        ("gzipped", false), ("gzi", false),
        ("xgzip", false),
        ("deflate;gzip", false), ("br;q=1;gzip", false), ("g zip", false), ("**", false),
    ])
    func `R117 gzip is sent to who offers it, R118 and not to who rules it out`(field: String, offers: Bool) {
        #expect(AcceptEncoding.offersGzip(Array(field.utf8)[...]) == offers)
    }

    @Test func `without Accept-Encoding nothing is offered`() {
        #expect(!AcceptEncoding.offersGzip(nil))
    }

    @Test(arguments: [
        ("a", true), ("registry.example", true), ("registry_1:8080", true), ("a:", true), ("10.0.0.1:80", true),
        ("[::1]", true),
        ("[fe80::1]:80", true),
        // R817 a Host that is no host with or without a port …
        ("", false), (":80", false), ("a:b", false), ("a:80:80", false), ("::1", false), ("[]", false), ("[::1", false),
        ("]", false),
        ("[a]b", false),
        ("[a]:b", false), ("a[b]", false), ("[[a]]", false), ("a b", false), ("a/b", false), ("a,b", false),
        ("é", false), ("%41", false),
    ])
    func `a host is a name or an address, perhaps with a port`(text: String, isHost: Bool) {
        #expect(Array(text.utf8)[...].isHostText == isHost)
        #expect(Array("a:\(text)".utf8)[2...].isHostText == isHost, "wherever it stands")
    }

    @Test func `R115 every visible ASCII character may stand in a request id, and no other byte`() {
        for byte in UInt8.min...UInt8.max {
            let id = RequestID([0x61, byte][...])
            #expect((id != nil) == (0x21...0x7E).contains(byte), "byte \(byte)")
            if let id { #expect(Array(id.value.utf8) == [0x61, byte]) }
        }
    }

    @Test(arguments: [(0, false), (1, true), (15, true), (16, true), (64, true), (65, false), (1_000, false)])
    func `R115 a request id has 1 to 64 characters`(length: Int, isTaken: Bool) {
        let field = [UInt8](repeating: 0x7E, count: length)
        #expect((RequestID(field[...]) != nil) == isTaken)
    }

    @Test(
        arguments: [
            (0, "000000000000000"), (.max, "fffffffffffffff"), (0x0123_4567_89AB_CDEF, "0123456789abcde"),
            (0xFEDC_BA98_7654_3210, "fedcba987654321"),
        ] as [(UInt64, String)])
    func `a made-up request id is fifteen hexadecimal digits`(random: UInt64, text: String) {
        #expect(RequestID(random: random).value == text)
        #expect(RequestID(Array(text.utf8)[...]) == RequestID(random: random))
    }

    @Test func `a request id that is not sent is empty`() {
        #expect(RequestID().isEmpty)
        #expect(!RequestID(random: 0).isEmpty)
    }
}
