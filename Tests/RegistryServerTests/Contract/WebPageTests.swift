// The page for people: its files and how they are sent (docs/page.md). What the page does in a browser is tested in one
// (`make test.ui`).

import Foundation
import Testing
import WebPage

struct WebPageTests {
    private static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Sources/WebPage/files")

    @Test(arguments: Transport.allCases)
    func `a browser is sent from the root to the page, and nobody else is`(_ transport: Transport) throws {
        // P101 GET / is answered 303, with Location: ui/, and Vary: Accept, if Accept names text/html …
        let registry = try Registry(transport)
        for accepted in [
            "text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "a/b , TEXT/HTML;q=0.1",
        ] {
            let answer = try registry.send(.get("/").with("Accept", accepted))
            #expect(answer.status == 303, "\(accepted)")
            #expect(answer["Location"] == "ui/")
            #expect(answer.headers.contains { $0.name == "Vary" && $0.value == "Accept" })
            #expect(answer.body.isEmpty)
        }
        for accepted in ["*/*", "text/*", "application/json", "text/htmlx", "x/text/html", ""] {
            let answer = try registry.send(.get("/").with("Accept", accepted))
            #expect(answer.status == 200, "\(accepted)")
            #expect(answer["Location"] == nil)
            #expect(answer["Vary"] == "Accept-Encoding")
            #expect(answer.body.isEmpty)
        }
    }

    @Test(arguments: Transport.allCases)
    func `the page's address ends in a slash`(_ transport: Transport) throws {
        // P102 /ui is answered 303.
        let registry = try Registry(transport)
        let answer = try registry.send(.get("/ui"))
        #expect(answer.status == 303)
        #expect(answer["Location"] == "ui/")
        let page = try registry.send(.get("/ui/"))
        #expect(page.status == 200)
        #expect(page["Content-Type"] == "text/html; charset=utf-8")
        #expect(page.body == WebPage.files.first { $0.name.isEmpty }?.bytes)
    }

    @Test(arguments: Transport.allCases)
    func `each file is sent as what it is`(_ transport: Transport) throws {
        // P102 … GET /ui/{file} with the files that it consists of; another name is answered 404. P104 Each file has
        // X-Content-Type-Options: nosniff and Referrer-Policy: no-referrer.
        let types = ["js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"]
        let registry = try Registry(transport)
        for file in WebPage.files where !file.name.isEmpty {
            let answer = try registry.send(.get("/ui/\(file.name)"))
            #expect(answer.status == 200, "\(file.name)")
            #expect(answer.body == file.bytes)
            let ending = try #require(file.name.split(separator: ".").last)
            #expect(answer["Content-Type"] == types[String(ending)], "\(file.name)")
            #expect(answer["X-Content-Type-Options"] == "nosniff")
            #expect(answer["Referrer-Policy"] == "no-referrer")
        }
        for name in ["index.html", "nothing.js", "%2e%2e%2fapp.js", "App.js"] {
            #expect(try registry.send(.get("/ui/\(name)")).status == 404, "\(name)")
        }
    }

    @Test(arguments: Transport.allCases)
    func `the page may ask nobody else and be framed by nobody`(_ transport: Transport) throws {
        // P104 The page has a Content-Security-Policy …
        let answer = try Registry(transport).send(.get("/ui/"))
        let policy = try #require(answer["Content-Security-Policy"])
        let rules = Set(policy.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) })
        #expect(
            rules.isSuperset(of: [
                "default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'",
                "require-trusted-types-for 'script'",
            ]))
        #expect(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains("*"))
    }

    @Test(arguments: Transport.allCases)
    func `a file that a browser has is not sent again`(_ transport: Transport) throws {
        // P105 Each file has a strong ETag, and Cache-Control: no-cache … 304 while the file is the same.
        let registry = try Registry(transport)
        let tags = try WebPage.files.map { file in
            let first = try registry.send(.get("/ui/\(file.name)"))
            let tag = try #require(first["ETag"])
            #expect(tag.hasPrefix("\""))
            #expect(first["Cache-Control"] == "no-cache")
            let second = try registry.send(.get("/ui/\(file.name)").with("If-None-Match", "\"other\", \(tag)"))
            #expect(second.status == 304)
            #expect(second.body.isEmpty)
            #expect(try registry.send(.get("/ui/\(file.name)").with("If-None-Match", "\"other\"")).status == 200)
            return tag
        }
        #expect(Set(tags).count == WebPage.files.count)
    }

    @Test(arguments: Transport.allCases)
    func `the page needs no credential`(_ transport: Transport) throws {
        // P103 The page and its files hold no data and need no credential.
        let registry = try Registry(transport) { $0.authMode = [.trusted] }
        #expect(try registry.send(.get("/ui/")).status == 200)
        #expect(try registry.send(.get("/ui/app.js")).status == 200)
        #expect(try registry.send(.get("/api/v1/services")).status == 401)
    }

    @Test func `what lies in the folder is what is embedded`() throws {
        let found = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path())
        #expect(Set(found) == Set(WebPage.files.map { $0.name.isEmpty ? "index.html" : $0.name }))
        for file in WebPage.files {
            let path = Self.folder.appending(path: file.name.isEmpty ? "index.html" : file.name)
            #expect(Array(try Data(contentsOf: path)) == file.bytes, "\(file.name)")
        }
    }

    @Test func `the page names no other host and makes no markup of text`() throws {
        for file in WebPage.files {
            let text = String(decoding: file.bytes, as: UTF8.self)
            for word in [
                "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage",
                "sessionStorage", "document.cookie",
            ] {
                #expect(!text.contains(word), "\(file.name) has \(word)")
            }
            let addresses = text.matches(of: /https?:\/\/[^\s'")]+/).map { String($0.0) }
            // A name space is no address, and a standard is named in a comment.
            #expect(
                addresses.allSatisfy {
                    $0.hasPrefix("http://www.w3.org/2000/svg") || $0.hasPrefix("https://html.spec.whatwg.org/")
                })
        }
    }
}
