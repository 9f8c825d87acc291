// What of a request may stand in a log. Eureka's clients carry their credential in the path, `/api/eureka/TOKEN/v2/…`;
// a request that cannot be read may carry one anywhere. So credentials are masked here, for every log line about
// requests.

import Text

enum LoggedTarget {
    /// What stands in the place of a credential.
    private static let blot = Array("***".utf8)
    /// In lower case.
    private static let schemes = ["bearer ", "basic "].map { Array($0.utf8) }
    /// How much of a request that could not be read is shown, in bytes.
    static let excerptBytes = 64

    private static let ours = Array("/api/v1/".utf8)
    private static let eureka = Array("/eureka/".utf8)
    private static let credentialFollows = Array("eureka".utf8)
    /// Eureka's paths without a credential have one of these in its place; behind `/api/` the first alone.
    private static let noCredential = ["v2", "apps", "instances", "vips", "svips", "peerreplication", "v1"].map {
        Array($0.utf8)
    }

    /// A path as it was sent, with the segment behind each `eureka` blotted out. The registry's own paths, which hold
    /// no credential, cost one comparison and no copy.
    static func path(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard !path.starts(with: ours), path.contains(UInt8(ascii: "/")) else { return path }
        var isCredential = false
        var result: [UInt8] = []
        var hasBlots = false
        let known = path.starts(with: eureka) ? noCredential[...] : noCredential.prefix(1)
        for (index, segment) in path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).enumerated()
        {
            if index > 0 { result.append(UInt8(ascii: "/")) }
            let plain = decoded(segment)
            if isCredential, !segment.isEmpty, !known.contains(plain) {
                result += blot
                hasBlots = true
            } else {
                result += segment
            }
            // An empty segment moves nothing: a client that writes `//` by mistake has still sent a credential.
            if !segment.isEmpty { isCredential = plain.elementsEqual(credentialFollows) }
        }
        return hasBlots ? result[...] : path
    }

    /// A path and its query as they were sent, but for what `path` blots out.
    static func target(_ target: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let query = target.firstIndex(of: UInt8(ascii: "?")) else { return path(target) }
        return path(target[..<query]) + target[query...]
    }

    /// The beginning of a request that could not be read: of its first line only, so that no header value is in it,
    /// without a query, and with the credentials of a URL and of a path blotted out.
    static func excerpt(_ received: some Sequence<UInt8>) -> ArraySlice<UInt8> {
        let line = withoutScheme(Array(received.prefix(excerptBytes).prefix { $0 != 0x0D && $0 != 0x0A }))
        // A header line where a request line should be: a request whose length was wrong leaves such behind.
        if let colon = line.firstIndex(of: UInt8(ascii: ":")),
            line[..<colon].allSatisfy({ ByteSet.name.contains($0) || $0 <= 0x20 }),
            !line[colon...].starts(with: "://".utf8)
        {
            return line[...colon] + blot
        }
        guard let query = line.firstIndex(of: UInt8(ascii: "?")) else { return path(withoutUser(line[...])) }
        return path(withoutUser(line[...query])) + blot
    }

    /// Without what follows the name of an authentication scheme.
    private static func withoutScheme(_ line: [UInt8]) -> [UInt8] {
        for scheme in schemes where line.count > scheme.count {
            for start in 0...(line.count - scheme.count)
            where line[start..<(start + scheme.count)].elementsEqual(scheme, by: { $0 | 0x20 == $1 }) {
                return line[..<(start + scheme.count)] + blot
            }
        }
        return line
    }

    /// `http://user:password@host/…` with the user blotted out.
    private static func withoutUser(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var start = line.startIndex
        while let slash = line[start...].firstIndex(of: UInt8(ascii: "/")) {
            let next = slash + 1
            guard next < line.endIndex else { return line }
            guard line[next] == UInt8(ascii: "/"), slash > line.startIndex, line[slash - 1] == UInt8(ascii: ":") else {
                start = next
                continue
            }
            let authority = line[(next + 1)...].prefix { $0 != UInt8(ascii: "/") }
            guard let at = authority.lastIndex(of: UInt8(ascii: "@")) else { return line }
            return line[...next] + blot + line[at...]
        }
        return line
    }

    /// With percent-escapes decoded: `%65ureka` is the same segment to a router.
    private static func decoded(_ segment: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var index = segment.startIndex
        while index < segment.endIndex {
            if segment[index] == UInt8(ascii: "%"), index + 2 < segment.endIndex,
                let high = segment[index + 1].hexadecimalValue,
                let low = segment[index + 2].hexadecimalValue
            {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(segment[index])
                index += 1
            }
        }
        return result
    }
}
