// What an XML document says, as a tree of plain values: the C library and its pointers end in `XMLReader.swift`.

/// An element with all that is in it. Text between children is put together.
package struct XMLElement: Sendable, Equatable {
    /// As it is written, a prefix included.
    package let name: String
    package let attributes: [String: String]
    package let children: [XMLElement]
    /// The character data directly in it, without the white space around it.
    package let text: String

    package init(name: String, attributes: [String: String] = [:], children: [XMLElement] = [], text: String = "") {
        self.name = name
        self.attributes = attributes
        self.children = children
        self.text = text
    }

    /// The first child of this name.
    package func child(_ name: String) -> XMLElement? { children.first { $0.name == name } }
}

/// How much a document may be. What is beyond is refused while it is read, before it takes memory.
package struct XMLLimits: Sendable {
    /// Bytes of the document.
    package var bytes: Int
    /// Elements within one another.
    package var depth: Int
    /// Elements and attributes in all.
    package var parts: Int
    /// Bytes of the text of one element, and of one attribute.
    package var text: Int

    package init(bytes: Int, depth: Int, parts: Int, text: Int) {
        self.bytes = bytes
        self.depth = depth
        self.parts = parts
        self.text = text
    }

    /// Those of a request's body.
    package static let standard = XMLLimits(bytes: 1 << 20, depth: 16, parts: 8_192, text: 65_536)
}

/// Why a document was not read.
package enum XMLError: Error, Sendable, Equatable {
    /// It is not well-formed, at a line counted from 1.
    case malformed(line: Int)
    /// It has a document type, which could declare entities. None is ever read.
    case documentType
    case tooLong
    case tooDeep
    case tooManyParts
    case textTooLong
    /// Memory has run out.
    case noMemory

    /// A sentence without its full stop, which quotes nothing of the document.
    package var sentence: String {
        switch self {
        case .malformed(let line): "the XML is not well-formed, at line \(line)"
        case .documentType: "the XML must not have a document type (DOCTYPE)"
        case .tooLong: "the XML is too long"
        case .tooDeep: "the XML nests too deeply"
        case .tooManyParts: "the XML has too many elements and attributes"
        case .textTooLong: "the XML has a text that is too long"
        case .noMemory: "there is no memory to read the XML"
        }
    }
}
