// Where the compiler's guarantees may be stepped over. The rooms around C do it by profession; elsewhere each file that
// does has its reason here, so that the list of places to look at for a memory bug is short and known.

import Testing

struct UnsafetyTests {
    /// The rooms that exist to turn C into Swift.
    static let shells: Set = ["Libevent", "TLS", "Gzip", "XML", "RESP", "System"]

    /// The files elsewhere, each with the one thing that it needs.
    static let reasons = [
        "Sources/Authorization/TokenCache.swift": "hands a token's bytes to Hasher in one piece",
        "Sources/Catalog/ByteCursor.swift": "makes text of a span, which the standard library takes as a pointer",
        "Sources/Catalog/Name.swift":
            "hashes and compares a name's own UTF-8, which the standard library lends as a pointer",
        "Sources/Configuration/SecretFile.swift": "read(2) into an array",
        "Sources/Configuration/SettingSources.swift": "stat(2)",
        "Sources/Eureka/EurekaText.swift":
            "compares or copies a literal, which the standard library lends as a pointer",
        "Sources/HTTP/ConstantText.swift":
            "compares or copies a literal, which the standard library lends as a pointer",
        "Sources/HTTP/EightBytes.swift": "loads eight bytes of a span at once",
        "Sources/HTTP/RequestID.swift":
            "writes the digits of a new id into a small string without an array in between, once a request",
        "Sources/HTTP/ResponseFields.swift":
            "compares or copies a literal, which the standard library lends as a pointer",
        "Sources/JSON/JSONOutput.swift":
            "compares or copies a literal, which the standard library lends as a pointer",
        "Sources/JSON/JSONReader.swift":
            "compares or copies a literal, which the standard library lends as a pointer",
        "Sources/JSON/JSONText.swift": "compares or copies a literal, which the standard library lends as a pointer",
        "Sources/JSON/JSONWriter.swift":
            "compares or copies a literal, which the standard library lends as a pointer",
        "Sources/LegacyPeers/ServerSentEvent.swift":
            "compares or copies a literal, which the standard library lends as a pointer",
        "Sources/RegistryServer/Check/NamedFiles.swift": "stat(2) and access(2)",
        "Sources/RegistryServer/Check/ProbeConnection.swift": "connect(2), send(2) and recv(2) with arrays",
        "Sources/RegistryServer/Server/OpenFiles.swift": "getrlimit(2) and setrlimit(2)",
        "Sources/RegistryServer/Server/AuditFile.swift": "open(2), stat(2) and fstat(2)",
        "Sources/RegistryServer/Server/PortFile.swift": "open(2), rename(2) and unlink(2)",
        "Sources/RegistryServer/Server/ProcessSignals.swift": "sigemptyset(3) and its kin",
        "Sources/RegistryServer/Server/RegistryProcess.swift": "write(2) before there is a log",
        "Sources/RedisStore/Greeting/FunctionCode.swift": "makes a text of bytes that the C compiler has embedded",
        "Sources/ReplicationServer/Membership/LocalAddresses.swift": "getifaddrs(3), whose list is of pointers",
        "Sources/ReplicationServer/Membership/MemberDirectory.swift":
            "read(2) into an array, and the name in a dirent",
        "Sources/ReplicationServer/Membership/NameLookup.swift": "getaddrinfo(3), whose list is of pointers",
        "Sources/Serving/Rendering/RenderedAnswers.swift": "hands the bytes of a request to Hasher in one piece",
        "Sources/Swagger/Swagger.swift": "makes an array of bytes that the C compiler has embedded",
        "Sources/Telemetry/Appenders.swift":
            "compares or copies a literal, which the standard library lends as a pointer",
        "Sources/Telemetry/LogBuffer.swift": "a line goes into a closure under the lock, where a span cannot go",
        "Sources/Telemetry/LogPipe.swift": "the same",
        "Sources/Telemetry/LogWriter.swift": "write(2) and poll(2)",
        "Sources/Telemetry/PrometheusText.swift":
            "compares or copies a literal, which the standard library lends as a pointer",
        "Sources/Text/SpanCopy.swift": "appends a span, which neither Array nor OutputSpan can take as it is",
        "Sources/Text/Words.swift": "loads and stores eight bytes at once",
        "Sources/WebPage/WebPage.swift": "makes arrays of bytes that the C compiler has embedded",
        "Sources/registry/Allocator.swift": "mallctl(3) takes a pointer",
        "Sources/registry/EvhttpSendError.swift": "has the C signature that evhttp calls",
        "Sources/registry/RegistryCommand.swift": "write(2) before there is a log",
    ]

    /// With strict memory safety the compiler demands the word wherever it cannot vouch; `@safe` is the promise of a
    /// type that keeps such a thing and lends it to nobody.
    private static var unsafe: some RegexComponent { /\bunsafe\b|@safe\b/.wordBoundaryKind(.simple) }

    private static var unchecked: some RegexComponent { /@unchecked\s+Sendable|nonisolated\(unsafe\)|@preconcurrency/ }

    @Test(arguments: SourceTree.files)
    func `unsafety lives in the shells, and in named files for a reason`(file: SourceFile) {
        let places = file.places(of: Self.unsafe)
        if Self.shells.contains(file.target) { return }
        if let reason = Self.reasons[file.path] {
            #expect(
                !places.isEmpty,
                "\(file.path) needs its line in UnsafetyTests.swift no longer (\"\(reason)\"): take it out")
        } else {
            #expect(
                places.isEmpty,
                "move this into Libevent, TLS, Gzip, XML or RESP, do it safely, or give its reason in UnsafetyTests.swift"
            )
        }
    }

    @Test func `every reason is for a file that exists`() {
        let paths = Set(SourceTree.files.map(\.path))
        for path in Self.reasons.keys {
            #expect(paths.contains(path), "\(path) is gone: take its line out of UnsafetyTests.swift")
        }
    }

    /// The promises that the compiler has to take on trust, each with its proof.
    static let promises = [
        "Sources/TLS/PublicKey.swift": "an EVP_PKEY is only read once it is made, and counts its references atomically",
        "Sources/TLS/TLSContext.swift": "an SSL_CTX is only read once it is made, and counts its references atomically",
        "Sources/TLS/SHA256.swift":
            "a fetched EVP_MD never changes and guards its own reference count; it lives as long as the process",
    ]

    @Test(arguments: SourceTree.files)
    func `data races are excluded by the compiler, not by a promise`(file: SourceFile) {
        #expect(
            file.places(of: Self.unchecked).isEmpty == (Self.promises[file.path] == nil),
            "use Mutex, Atomic or confinement to a loop; a promise that is unavoidable has its proof in UnsafetyTests.swift, as long as it is there"
        )
    }

    @Test(arguments: SourceTree.files)
    func `no input ends the process: nothing is unwrapped or tried by force`(file: SourceFile) {
        let forced = /\bfatalError\b|\btry!|\bas!|[\w)\]]!(?:[^=]|$)/.wordBoundaryKind(.simple)
        let lines = file.lines
        let places = file.places(of: forced) { index in
            // The formatter's own way to say that one place knows better, whose reason stands beside it.
            lines[max(0, index - 3)...index].contains { $0.contains("swift-format-ignore: NeverForceUnwrap") }
        }
        #expect(places.isEmpty, "throw, return nil, or answer an error")
    }
}
