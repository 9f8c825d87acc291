// The page for people travels inside the binary, so that a browser is sent what the registry was built from and needs
// no other host. The files lie in `files` as they are sent; there is no step that builds them.

/// The files of the page.
public enum WebPage {
    /// What the bytes of a file are.
    public enum Kind: Sendable {
        case document, script, style, picture
    }

    /// One file, as UTF-8.
    public struct File: Sendable {
        /// As the browser asks for it, relative to the page.
        public let name: String
        public let kind: Kind
        public let bytes: [UInt8]
    }

    /// What a browser asks for first.
    public static let document = File(name: "", kind: .document, bytes: PackageResources.index_html)

    /// All files; a test compares them with what lies in the folder.
    public static let files = [
        document,
        File(name: "style.css", kind: .style, bytes: PackageResources.style_css),
        File(name: "icon.svg", kind: .picture, bytes: PackageResources.icon_svg),
        File(name: "actions.js", kind: .script, bytes: PackageResources.actions_js),
        File(name: "app.js", kind: .script, bytes: PackageResources.app_js),
        File(name: "catalog.js", kind: .script, bytes: PackageResources.catalog_js),
        File(name: "dom.js", kind: .script, bytes: PackageResources.dom_js),
        File(name: "metrics.js", kind: .script, bytes: PackageResources.metrics_js),
        File(name: "pages.js", kind: .script, bytes: PackageResources.pages_js),
        File(name: "session.js", kind: .script, bytes: PackageResources.session_js),
        File(name: "stream.js", kind: .script, bytes: PackageResources.stream_js),
        File(name: "table.js", kind: .script, bytes: PackageResources.table_js),
        File(name: "views.js", kind: .script, bytes: PackageResources.views_js),
    ]
}
