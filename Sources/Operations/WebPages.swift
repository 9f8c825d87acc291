// The page for people (docs/page.md): its files, which hold no data, and where a browser finds them. What the page
// shows it asks for by the REST API, with the credential of whoever looks at it.

import Catalog
import HTTP
import Serving
import Text
import WebPage

enum WebPages {
    /// No host but this one is asked for anything, nothing is run that is not a file of the page, no other page frames
    /// it, and text is never taken for markup.
    private static let policy = """
        default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
        require-trusted-types-for 'script'; trusted-types 'none'
        """

    /// Files by name, each with its tag.
    private static let files = Dictionary(
        uniqueKeysWithValues: WebPage.files.map { ($0.name, (file: $0, tag: tag(of: $0.bytes))) })

    /// `GET /`: nothing, to whatever looks whether the registry lives; a browser, which asks for HTML by name, is sent to
    /// the page (P101).
    static func root(_ call: borrowing Call) throws(Refused) -> Response {
        guard let accepted = call.request.head[.accept], namesHTML(accepted) else { return Response(.ok) }
        var response = Response(.seeOther)
        // Relative to what the browser sees, whatever prefix a proxy has put before it.
        response.fields.append(.location, "ui/")
        response.fields.append(.vary, "Accept")
        return response
    }

    /// `GET /ui/`, and `/ui`, from which relative addresses would lead elsewhere.
    static func document(_ call: borrowing Call) throws(Refused) -> Response {
        guard call.request.head.path.last == UInt8(ascii: "/") else {
            var response = Response(.seeOther)
            response.fields.append(.location, "ui/")
            return response
        }
        return try file(named: "", call)
    }

    /// `GET /ui/{file}`.
    static func file(_ call: borrowing Call) throws(Refused) -> Response {
        try file(named: String(decoding: call.parameter(), as: UTF8.self), call)
    }

    private static func file(named name: String, _ call: borrowing Call) throws(Refused) -> Response {
        guard let (file, tag) = files[name] else { throw .noSuchResource }
        let isKnown = call.request.head[.ifNoneMatch].map { $0.contains(Array(tag.utf8)) } ?? false
        var response = isKnown ? Response(.notModified) : Response(.ok, contentType: type(of: file), body: file.bytes)
        response.fields.append(.entityTag, tag)
        response.fields.append(.cacheControl, "no-cache")
        response.fields.append(.contentTypeOptions, "nosniff")
        response.fields.append(.referrerPolicy, "no-referrer")
        if file.kind == .document { response.fields.append(.contentSecurityPolicy, policy) }
        return response
    }

    /// Whether an `Accept` field has the element `text/html`; `*/*` does not name it.
    private static func namesHTML(_ field: ArraySlice<UInt8>) -> Bool {
        field.reversedElements().contains { element in
            element.prefix { $0 != UInt8(ascii: ";") }.trimmed().equalsIgnoringCase("text/html")
        }
    }

    private static func type(of file: WebPage.File) -> ContentType {
        switch file.kind {
        case .document: ContentType("text/html; charset=utf-8")
        case .script: ContentType("text/javascript; charset=utf-8")
        case .style: ContentType("text/css; charset=utf-8")
        case .picture: ContentType("image/svg+xml")
        }
    }

    /// A strong tag: another content has another one.
    private static func tag(of bytes: [UInt8]) -> String {
        "\"\(StableHash.of(bytes).hexadecimal)\""
    }
}
