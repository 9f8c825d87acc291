// Reads XML with expat. A document type is refused as soon as it begins, so that no entity is ever declared: neither
// files nor a billion laughs can be asked for. Depth, parts and texts are counted while the parser runs, and the first
// one beyond its limit stops it.

import CExpat

/// Reads whole documents. Safe to use from any thread.
package enum XMLReader {
    /// The root element of a document in UTF-8, UTF-16, ISO 8859-1 or ASCII.
    package static func read(_ bytes: [UInt8], limits: XMLLimits = .standard) throws(XMLError) -> XMLElement {
        guard bytes.count <= limits.bytes, let count = Int32(exactly: bytes.count) else { throw .tooLong }
        guard let parser = unsafe XML_ParserCreate(nil) else { throw .noMemory }
        defer { unsafe XML_ParserFree(parser) }
        let builder = unsafe TreeBuilder(parser, limits)
        unsafe XML_SetUserData(parser, Unmanaged.passUnretained(builder).toOpaque())
        unsafe XML_SetElementHandler(
            parser, { unsafe TreeBuilder.of($0)?.start($1, $2) },
            { context, _ in unsafe TreeBuilder.of(context)?.end() })
        unsafe XML_SetCharacterDataHandler(parser) { unsafe TreeBuilder.of($0)?.append($1, Int($2)) }
        unsafe XML_SetStartDoctypeDeclHandler(parser) { context, _, _, _, _ in
            unsafe TreeBuilder.of(context)?.stop(.documentType)
        }
        let status = unsafe bytes.withUnsafeBytes { bytes in
            unsafe XML_Parse(parser, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), count, Int32(XML_TRUE))
        }
        let line = unsafe Int(XML_GetCurrentLineNumber(parser))
        let code = unsafe XML_GetErrorCode(parser)
        return try withExtendedLifetime(builder) { () throws(XMLError) -> XMLElement in
            if let error = builder.error { throw error }
            guard status == XML_STATUS_OK else {
                throw code == XML_ERROR_NO_MEMORY ? .noMemory : .malformed(line: line)
            }
            guard let root = builder.root else { throw .malformed(line: line) }
            return root
        }
    }
}

/// What has been read so far. Lives while its parser runs, on one thread.
@safe private final class TreeBuilder {
    private struct Open {
        let name: String
        let attributes: [String: String]
        var children: [XMLElement] = []
        var text: [UInt8] = []
    }

    private let parser: XML_Parser
    private let limits: XMLLimits
    /// Invariant: at most `limits.depth`.
    private var open: [Open] = []
    /// Invariant: at most `limits.parts`, but for the element that is one too many.
    private var parts = 0
    private(set) var root: XMLElement?
    private(set) var error: XMLError?

    init(_ parser: XML_Parser, _ limits: XMLLimits) {
        unsafe self.parser = unsafe parser
        self.limits = limits
    }

    /// The builder that a callback is called for.
    static func of(_ context: UnsafeMutableRawPointer?) -> TreeBuilder? {
        unsafe context.map { unsafe Unmanaged<TreeBuilder>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Ends the reading. A callback that is already due may still come.
    func stop(_ error: XMLError) {
        guard self.error == nil else { return }
        self.error = error
        unsafe XML_StopParser(parser, XML_FALSE)
    }

    func start(_ name: UnsafePointer<XML_Char>?, _ pairs: UnsafeMutablePointer<UnsafePointer<XML_Char>?>?) {
        guard error == nil, let name = unsafe name else { return }
        guard open.count < limits.depth else { return stop(.tooDeep) }
        var attributes: [String: String] = [:]
        var index = 0
        while let pairs = unsafe pairs, let key = unsafe pairs[index], let value = unsafe pairs[index + 1] {
            index += 2
            let text = unsafe String(cString: value)
            guard text.utf8.count <= limits.text else { return stop(.textTooLong) }
            unsafe attributes[String(cString: key)] = text
        }
        parts += 1 + index / 2
        guard parts <= limits.parts else { return stop(.tooManyParts) }
        unsafe open.append(Open(name: String(cString: name), attributes: attributes))
    }

    func append(_ text: UnsafePointer<XML_Char>?, _ count: Int) {
        guard error == nil, let text = unsafe text, let last = open.indices.last else { return }
        guard open[last].text.count + count <= limits.text else { return stop(.textTooLong) }
        unsafe open[last].text += UnsafeRawBufferPointer(start: text, count: count)
    }

    func end() {
        guard error == nil, let ended = open.popLast() else { return }
        let element = XMLElement(
            name: ended.name, attributes: ended.attributes, children: ended.children, text: Self.trimmed(ended.text))
        if open.isEmpty { root = element } else { open[open.count - 1].children.append(element) }
    }

    /// expat hands out UTF-8 that it has checked.
    private static func trimmed(_ text: [UInt8]) -> String {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        guard let start = text.firstIndex(where: { !isSpace($0) }), let end = text.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(decoding: text[start...end], as: UTF8.self)
    }
}
