import Testing
import XML

struct XMLReaderTests {
    private func read(_ text: String, _ limits: XMLLimits = .standard) throws(XMLError) -> XMLElement {
        try XMLReader.read(Array(text.utf8), limits: limits)
    }

    private func error(_ text: String, _ limits: XMLLimits = .standard) -> XMLError? {
        do throws(XMLError) {
            _ = try read(text, limits)
            return nil
        } catch { return error }
    }

    @Test func `elements, attributes and texts come as they were written`() throws {
        let root = try read(
            """
            <?xml version="1.0"?><a x="1 &lt; 2" y=''> <b>one &amp; two</b><b><![CDATA[<c/>]]></b><e/> text &#xe9; </a>
            """)
        #expect(root.name == "a" && root.attributes == ["x": "1 < 2", "y": ""])
        #expect(
            root.children.map(\.name) == ["b", "b", "e"] && root.children.map(\.text) == ["one & two", "<c/>", ""])
        #expect(root.text == "text é")
        #expect(root.child("b")?.text == "one & two" && root.child("z") == nil)
    }

    @Test func `other encodings that name themselves are read`() throws {
        let latin = Array("<?xml version='1.0' encoding='ISO-8859-1'?><a>".utf8) + [0xE9] + Array("</a>".utf8)
        #expect(try XMLReader.read(latin).text == "é")
        var wide: [UInt8] = [0xFF, 0xFE]
        for unit in "<a>é</a>".utf16 { wide += [UInt8(unit & 0xFF), UInt8(unit >> 8)] }
        #expect(try XMLReader.read(wide).text == "é")
    }

    @Test(
        arguments: [
            "", " ", "<a>", "<a></b>", "<a/><b/>", "<a x=1/>", "text", "<a>\u{1}</a>", "<a>&unknown;</a>",
            "<a x='1' x='2'/>",
            "<?xml version='1.0' encoding='EBCDIC-9'?><a/>",
        ]) func `what is not well-formed is refused`(text: String)
    {
        guard case .malformed = error(text) else {
            Issue.record("\(text): \(String(describing: error(text)))")
            return
        }
    }

    @Test func `bytes that are no UTF-8 are refused`() {
        #expect(throws: XMLError.malformed(line: 1)) {
            try XMLReader.read(Array("<a>".utf8) + [0xFF] + Array("</a>".utf8))
        }
    }

    @Test(
        arguments: [
            "<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
            "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
            "<!DOCTYPE a SYSTEM 'http://127.0.0.1:1/'><a/>", "<!DOCTYPE a [<!ENTITY % p 'x'>%p;]><a/>",
        ]) func `a document type is refused before any entity is declared`(text: String)
    {
        #expect(error(text) == .documentType)
    }

    @Test func `a document is refused where it exceeds a limit, and read just below`() throws {
        let limits = XMLLimits(bytes: 200, depth: 3, parts: 5, text: 8)
        #expect(try read("<a><b><c/></b></a>", limits).children.count == 1)
        #expect(error("<a><b><c><d/></c></b></a>", limits) == .tooDeep)
        #expect(try read("<a x='1'><b/><b/><b/></a>", limits).children.count == 3)
        #expect(error("<a x='1'><b/><b/><b/><b/></a>", limits) == .tooManyParts)
        #expect(try read("<a>12345678</a>", limits).text == "12345678")
        #expect(error("<a>123456789</a>", limits) == .textTooLong)
        #expect(error("<a>1234<b/>56789</a>", limits) == .textTooLong)
        #expect(error("<a x='123456789'/>", limits) == .textTooLong)
        #expect(error("<a>" + String(repeating: " ", count: 194) + "</a>", limits) == .tooLong)
    }

    @Test func `a deep or wide document costs no more than its limit`() {
        #expect(error(String(repeating: "<a>", count: 100_000)) == .tooDeep)
        #expect(error("<a>" + String(repeating: "<b/>", count: 100_000) + "</a>") == .tooManyParts)
    }

    @Test func `every document that was cut is refused`() throws {
        let whole = "<a x='1'><b>t</b></a>"
        for length in 0..<whole.utf8.count {
            guard case .malformed = error(String(whole.prefix(length))) else {
                Issue.record("cut after \(length)")
                continue
            }
        }
    }

    @Test func `a refusal is a sentence that quotes nothing`() {
        #expect(XMLError.malformed(line: 3).sentence == "the XML is not well-formed, at line 3")
        for error: XMLError in [.documentType, .tooLong, .tooDeep, .tooManyParts, .textTooLong, .noMemory] {
            #expect(error.sentence.contains("XML"))
        }
    }
}
