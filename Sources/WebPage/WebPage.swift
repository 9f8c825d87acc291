// The page for people travels inside the binary, so that a browser is sent what the registry was built from and needs
// no other host. The files lie in `files` as they are sent; there is no step that builds them. CWebPage has their bytes.

import CWebPage

/// The files of the page.
public enum WebPage {
    /// What the bytes of a file are.
    public enum Kind: Sendable {
        case document, script, style, picture
    }

    /// One file, as UTF-8.
    public struct File: Sendable {
        /// As the browser asks for it, relative to the page; empty for what it asks for first.
        public let name: String
        public let kind: Kind
        public let bytes: [UInt8]
    }

    /// All files; a test compares them with what lies in the folder.
    public static let files = (0..<cwebpage_file_count).map(file)

    private static func file(at index: Int) -> File {
        let file = unsafe cwebpage_files[index]
        let name = unsafe String(cString: file.name)
        let kind = kind(of: name)
        return File(
            name: kind == .document ? "" : name, kind: kind,
            bytes: unsafe [UInt8](UnsafeBufferPointer(start: file.bytes, count: file.size)))
    }

    private static func kind(of name: String) -> Kind {
        switch name.split(separator: ".").last {
        case "js": .script
        case "css": .style
        case "svg": .picture
        default: .document
        }
    }
}
