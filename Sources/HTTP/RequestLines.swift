// What each line of a head says, and whether it may: the request line, then one field after the other. The request
// parser has found where they end.

import Text

extension RequestParser {
    /// `METHOD SP /target SP HTTP/1.x`, single spaces, visible ASCII only.
    mutating func readRequestLine(_ line: Range<Int>) throws(Refusal) {
        // The version has a fixed length, so what is left of it is the target, whatever spaces that may wrongly have.
        let versionStart = line.upperBound - Self.versionBytes
        guard let space = head.bytes.span.first(0x20, in: line), space + 1 < versionStart,
            head.bytes[versionStart - 1] == 0x20
        else {
            throw Refusal(.badRequest, "the request line is not 'METHOD /path HTTP/1.1'")
        }
        guard space > line.lowerBound, head.bytes.span.areAll(.token, in: line.lowerBound..<space) else {
            throw Refusal(.badRequest, "the method is not a token")
        }
        var target = space + 1..<versionStart - 1
        guard target.count <= limits.target else { throw Refusal(.uriTooLong, Self.longTarget(limits)) }
        guard !target.isEmpty else { throw Refusal(.badRequest, "the request line is not 'METHOD /path HTTP/1.1'") }
        let version = head.bytes[versionStart..<line.upperBound]
        if version.equals("HTTP/1.1") {
            head.minorVersion = 1
        } else if version.equals("HTTP/1.0") {
            head.minorVersion = 0
        } else {
            throw Self.refusal(ofVersion: version)
        }
        let method = Method(head.bytes[line.lowerBound..<space])
        if head.bytes[target.lowerBound] != UInt8(ascii: "/"), !(method == .options && head.bytes[target].equals("*")) {
            target = try readAbsoluteForm(target, method)
        }
        guard let shape = head.bytes.span.targetShape(in: target) else {
            throw Refusal(.badRequest, "the request target has characters that must be percent-encoded")
        }
        head.method = method
        head.targetRange = target
        head.targetShape = shape
        state = .headerLines
    }

    private static func refusal(ofVersion version: ArraySlice<UInt8>) -> Refusal {
        let digits = version.dropFirst(5)
        guard version.starts(with: "HTTP/".utf8), digits.count == 3, let major = digits.first, major.isDigit,
            digits.dropFirst().first == UInt8(ascii: "."), digits.last?.isDigit == true, major != UInt8(ascii: "1")
        else { return Refusal(.badRequest, "the HTTP version is neither 1.1 nor 1.0") }
        return Refusal(
            .versionNotSupported,
            "this port speaks HTTP/1.1 and HTTP/1.0, and not HTTP/\(Character(UnicodeScalar(major)))")
    }

    /// `http://AUTHORITY/PATH`, which a client writes that takes the registry for a proxy; the authority takes the
    /// place of `Host` (RFC 9112, section 3.2.2). Gives where the path lies; evhttp sees nothing else.
    private mutating func readAbsoluteForm(_ target: Range<Int>, _ method: Method) throws(Refusal) -> Range<Int> {
        guard let form = AbsoluteForm(head.bytes, target) else {
            throw Refusal(.badRequest, "the request target is neither an absolute path nor an http URL")
        }
        head.keep(.host, form.authority)
        head.isAbsolute = true
        head.targetsHTTPS = form.isHTTPS
        guard form.rest.isEmpty || head.bytes[form.rest.lowerBound] != UInt8(ascii: "/") else {
            exciseFromHead(target.lowerBound..<form.rest.lowerBound)
            return form.rest
        }
        // Without a path it is `/`, or of OPTIONS the server as a whole. Evhttp sees the second slash of `://`; here
        // the authority makes room for one.
        let slash = form.authority.lowerBound - 1
        exciseFromHead(target.lowerBound..<slash)
        exciseFromHead(form.authority)
        for index in form.authority { head.bytes[index - 1] = head.bytes[index] }
        head.keep(.host, slash..<form.authority.upperBound - 1)
        let path = form.authority.upperBound - 1
        head.bytes[path] = method == .options && form.rest.isEmpty ? UInt8(ascii: "*") : UInt8(ascii: "/")
        return path..<target.upperBound
    }

    mutating func readHeaderLine(_ line: Range<Int>) throws(Refusal) {
        lines += 1
        guard lines <= limits.headerLines else {
            throw Refusal(.headerFieldsTooLarge, "a request is limited to \(limits.headerLines) header lines")
        }
        guard let colon = head.bytes.span.first(UInt8(ascii: ":"), in: line), colon > line.lowerBound,
            head.bytes.span.areAll(.token, in: line.lowerBound..<colon)
        else {
            throw Refusal(
                .badRequest,
                "a header line is not 'name: value' (folded lines and spaces before the colon "
                    + "are not accepted)")
        }
        let value = head.bytes.span.trimmed(colon + 1..<line.upperBound)
        guard head.bytes.span.areFieldText(in: value) else {
            throw Refusal(.badRequest, "a header value has a control character")
        }
        let name = head.bytes[line.lowerBound..<colon]
        if let field = RequestHead.Field(name: name) {
            try keep(field, value)
        } else {
            try readFraming(name, head.bytes[value])
        }
    }

    private mutating func keep(_ field: RequestHead.Field, _ value: Range<Int>) throws(Refusal) {
        if field == .host {
            hosts += 1
            // A request for no host in particular has an empty one.
            guard value.isEmpty || head.bytes.span.areHost(in: value) else {
                throw Refusal(.badRequest, "the Host header is not a host and port")
            }
            if head.isAbsolute, hosts == 1 { return }
        }
        guard !head.has(field) else {
            switch field {
            case .requestID: return  // The first one counts.
            case .host, .authorization, .contentType:
                throw Refusal(
                    .badRequest,
                    "a header that may be given only once is "
                        + "given twice")
            default: return head.keepOneMore(field)
            }
        }
        head.keep(field, value)
    }

    /// The fields that say where the body ends; only one unambiguous answer is taken (RFC 9112, section 6.3).
    private mutating func readFraming(_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) throws(Refusal) {
        if name.equalsIgnoringCase("content-length") {
            guard contentLength == nil, !value.isEmpty, value.allSatisfy(\.isDigit) else {
                throw Refusal(.badRequest, "Content-Length must be one decimal number")
            }
            // A number too long for Int is too long for the body limit as well.
            contentLength = value.count > Self.safeDigits ? Int.max : value.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        } else if name.equalsIgnoringCase("transfer-encoding") {
            codings = TransferCodings(value, after: codings)
        } else if name.equalsIgnoringCase("expect") {
            guard let first = value.firstElement,
                value.reversedElements().allSatisfy({ $0.equalsIgnoringCase("100-continue") })
            else {
                throw Refusal(.expectationFailed, "the only expectation that is supported is '100-continue'")
            }
            // Evhttp takes a tab before the value for a part of it, and knows no list.
            exciseFromHead(name.endIndex + 1..<first.startIndex)
            exciseFromHead(first.endIndex..<value.endIndex)
            head.namesTransport = true
        } else if name.equalsIgnoringCase("connection") {
            if !value.equalsIgnoringCase("keep-alive") { readConnectionOptions(value) }
        }
    }

    /// evhttp only knows a lone `close`, in the first of several fields.
    private mutating func readConnectionOptions(_ value: ArraySlice<UInt8>) {
        head.namesTransport = true
        for option in value.split(separator: UInt8(ascii: ",")) {
            if head.bytes[head.bytes.span.trimmed(option.indices)].equalsIgnoringCase("close") { head.closes = true }
        }
    }
}
