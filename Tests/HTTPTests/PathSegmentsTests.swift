// Paths as the router sees them: split once, decoded once, and refused rather than repaired.

import HTTP
import TestRandom
import Testing

@Suite struct PathSegmentsTests {
    private func segments(_ path: String) throws -> Result<[String], Refusal> {
        let head = try #require(RequestHead.get(path))
        do throws(Refusal) {
            let segments = try PathSegments(head)
            // R105 A path deeper than any route names nothing.
            guard segments.count <= PathSegments.maximumCount else { return .failure(Refusal(.notFound, "")) }
            return .success((0..<segments.count).map { String(decoding: segments[$0], as: UTF8.self) })
        } catch {
            return .failure(error)
        }
    }

    @Test(
        arguments: [
            ("/", []), ("/a", ["a"]), ("/a/b", ["a", "b"]), ("/api/v1/instances", ["api", "v1", "instances"]),
            // R106 a path with a slash added at its end is another path.
            ("/a/", ["a", ""]), ("/a/b/", ["a", "b", ""]), ("/%61/", ["a", ""]),
            // R107 %2F stays inside its segment and + stays a plus sign.
            ("/a%2Fb", ["a/b"]), ("/a%2fb/c", ["a/b", "c"]), ("/a+b", ["a+b"]), ("/a%2Bb+", ["a+b+"]), ("/%2F", ["/"]),
            // R107 decoded once.
            ("/%252F", ["%2F"]), ("/%2525", ["%25"]), ("/%252e%252e", ["%2e%2e"]), ("/a%20b", ["a b"]),
            ("/%C3%BC", ["ü"]),
            ("/%f0%9f%90%9d", ["🐝"]),
            ("/a%3Fb", ["a?b"]), ("/a%23b", ["a#b"]), ("/a%25", ["a%"]), ("/a%5Cb", ["a\\b"]),
            // The query is no part of the path.
            ("/a?b/c", ["a"]), ("/?/a//b", []), ("/a?%zz", ["a"]), ("/a/?//", ["a", ""]),
            // Only segments of one or two dots are dot segments.
            ("/...", ["..."]), ("/.a", [".a"]), ("/a.", ["a."]), ("/..a/a..", ["..a", "a.."]), ("/%2e%2e%2e", ["..."]),
            ("/.%2F.", ["./."]),
            ("/..%2F..", ["../.."]), ("/;a=b", [";a=b"]), ("/a:b@c,d=e&f$g", ["a:b@c,d=e&f$g"]),
            ("/1/2/3/4/5/6/7/8/9/10", (1...10).map(String.init)),
            ("/1/2/3/4/5/6/7/8/9/%31%30", (1...10).map(String.init)),
        ] as [(String, [String])])
    func `R107 a path is split at its slashes and each segment decoded once`(path: String, expected: [String]) throws {
        #expect(try segments(path) == .success(expected))
    }

    @Test(arguments: [
        "//", "//api/v1/services", "/a//b", "/a//", "///", "//%61", "/%61//b", "/a//%61", "/a/%62//",
    ])
    func `R808 an empty segment in the middle of a path is refused`(path: String) throws {
        #expect(try segments(path).status == 400)
    }

    @Test(arguments: [
        "/.", "/..", "/./", "/../", "/a/.", "/a/..", "/a/../b", "/%2e", "/%2E%2e", "/.%2e", "/%2e.", "/a/%2E/b",
        "/%61/..", "/../%61",
    ])
    func `R809 a dot segment is refused, however it is written`(path: String) throws {
        #expect(try segments(path).status == 400)
    }

    @Test(arguments: [
        "/%00", "/a%00b", "/%", "/%4", "/a/%", "/%/a", "/%4/1", "/%4g", "/%g4", "/%%41", "/%+1", "/%-1", "/%0x",
    ])
    func `R806 an escaped NUL and a bad escape are refused`(path: String) throws {
        #expect(try segments(path).status == 400)
    }

    @Test(arguments: [
        "/%ff", "/%80", "/%c3", "/%c3/%bc", "/%c0%af", "/%c1%81", "/%e0%80%af", "/%ed%a0%80", "/%f4%90%80%80",
        "/%f8%88%80%80%80", "/a%c3b",
        "/%bc%c3",
    ])
    func `R807 a segment that does not decode to UTF-8 is refused`(path: String) throws {
        #expect(try segments(path).status == 400)
    }

    @Test(arguments: [
        "/1/2/3/4/5/6/7/8/9/10/11", "/1/2/3/4/5/6/7/8/9/10/", "/1/2/3/4/5/6/7/8/9/10/%31%31",
        "/" + String(repeating: "a/", count: 2_000),
    ])
    func `R105 a path deeper than any route names nothing`(path: String) throws {
        #expect(try segments(path).status == 404)
    }

    @Test(arguments: [
        "/1/2/3/4/5/6/7/8/9/10/11//12", "/1/2/3/4/5/6/7/8/9/10/11/..", "/1/2/3/4/5/6/7/8/9/10/11/%2e",
        "/1/2/3/4/5/6/7/8/9/10/11/12/%zz",
    ])
    func `R119 a malformed path is refused for its form even when it is too deep`(path: String) throws {
        #expect(try segments(path).status == 400)
    }

    /// A naive reading of R106 to R109 over Strings, to compare random paths with.
    private func model(_ path: String) -> [String]? {
        if path == "/" { return [] }
        let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        var segments: [String] = []
        for (index, part) in parts.enumerated() {
            guard let decoded = part.removingPercentEncodingStrictly, decoded != ".", decoded != "..",
                !part.isEmpty || index == parts.count - 1,
                !decoded.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
            else { return nil }
            segments.append(decoded)
        }
        return segments
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `random paths are split as the naive model splits them`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let alphabet = ["/", "/", ".", "%2e", "%2F", "%", "a", "b", "%C3", "%bc", "%00", "%7f", "+", "%25", "4"]
        for _ in 0..<2_000 {
            let pieces = (0..<Int.random(in: 0...8, using: &generator)).compactMap { _ in
                alphabet.randomElement(using: &generator)
            }
            let path = "/" + pieces.joined()
            let found = try? segments(path).get()
            if found != model(path) { Issue.record("seed \(seed): \(path) became \(String(describing: found))") }
        }
    }

    @Test func `what follows in a path is read in one piece, slashes included`() throws {
        for (path, index, rest) in [
            ("/a/b/c", 1, "b/c"), ("/a/b%20c/d", 1, "b c/d"), ("/a/b/", 1, "b/"), ("/a/%62/", 1, "b/"),
            ("/a/b", 1, "b"),
            ("/a/x%2Fy/z?q/r", 1, "x/y/z"), ("/a/b?q", 0, "a/b"),
            ("/1/2/3/4/5/6/7/8/9/10/11/12", 1, "2/3/4/5/6/7/8/9/10/11/12"),
            ("/1/2/3/4/5/6/7/8/9/10/11/%31", 9, "10/11/1"),
        ] {
            let segments = try PathSegments(try #require(RequestHead.get(path)))
            #expect(String(decoding: segments.rest(from: index), as: UTF8.self) == rest, "\(path)")
        }
    }

    @Test func `a segment equals its own bytes and no others`() throws {
        for length in 1...20 {
            let text = (0..<length).map { UInt8(ascii: "a") + UInt8($0) }
            // Nothing follows a decoded path, and much another one.
            for path in [
                String(decoding: text, as: UTF8.self), "%61" + String(decoding: text.dropFirst(), as: UTF8.self),
            ] {
                let segments = try PathSegments(try #require(RequestHead.get("/x/" + path)))
                #expect(segments.isSegment(text), "\(path)")
                #expect(!segments.isSegment(text + [0x61]) && !segments.isSegment(Array(text.dropLast())), "\(path)")
                for index in 0..<length {
                    var other = text
                    other[index] = UInt8(ascii: "A")
                    #expect(!segments.isSegment(other), "\(path), byte \(index)")
                }
            }
        }
    }
}

extension Result<[String], Refusal> {
    fileprivate var status: UInt16? {
        if case .failure(let refusal) = self { return refusal.status.rawValue }
        return nil
    }
}

extension PathSegments {
    /// Whether the second segment is exactly these bytes, which lie in the middle of others.
    fileprivate func isSegment(_ text: [UInt8]) -> Bool {
        segment(1, equals: [0x7A, 0x7A] + text + [0x7A], in: 2..<text.count + 2)
    }
}
