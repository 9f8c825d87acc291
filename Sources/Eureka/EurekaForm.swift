// The forms of Eureka's answers: XML, or JSON where the client says so, each in full or compact (docs/eureka.md, E4xx).

import Catalog
import HTTP
import JSON
import Serving

/// One of the four forms.
struct EurekaForm: Sendable {
    let isXML: Bool
    let isCompact: Bool
    /// How instances are written.
    let format: Format

    private init(_ number: UInt8, isXML: Bool, isCompact: Bool) {
        self.isXML = isXML
        self.isCompact = isCompact
        format = Format(
            number: number, contentType: isXML ? .xml : .json, vary: "Accept, X-Eureka-Accept",
            separator: isXML ? "" : ","
        ) { EurekaWriter(isXML: isXML, isCompact: isCompact) }
    }

    // The numbers of formats are a process's; amalgam8's is 0.
    private static let json = EurekaForm(1, isXML: false, isCompact: false)
    private static let xml = EurekaForm(2, isXML: true, isCompact: false)
    private static let compactJSON = EurekaForm(3, isXML: false, isCompact: true)
    private static let compactXML = EurekaForm(4, isXML: true, isCompact: true)

    /// The form that a client asks for: JSON where `Accept` has that word in it, as in Netflix's server; Prometheus and
    /// py-eureka-client send no `Accept` and read XML.
    static func wanted(by head: RequestHead) -> EurekaForm {
        let isJSON = head[.accept].map { Self.hasJSON($0) } ?? false
        let isCompact = head[.eurekaAccept].map { $0.equalsFolded(("compact" as StaticString).bytes) } ?? false
        return isJSON ? (isCompact ? compactJSON : json) : (isCompact ? compactXML : xml)
    }

    static func hasJSON(_ field: Bytes) -> Bool {
        guard field.count >= 4 else { return false }
        return (field.startIndex...(field.endIndex - 4)).contains { start in
            field[start..<(start + 4)].equalsFolded(("json" as StaticString).bytes)
        }
    }

    // MARK: - Around instances

    /// Appends what is before the instances of an application.
    func beginApplication(_ name: Bytes, _ output: inout [UInt8]) {
        output.append(literal: isXML ? "<application><name>" : "{\"name\":")
        if isXML { output.appendXML(text: name) } else { output.appendJSON(string: name) }
        output.append(literal: isXML ? "</name>" : ",\"instance\":[")
    }

    /// What is behind the instances of an application.
    var endOfApplication: StaticString { isXML ? "</application>" : "]}" }

    /// Appends what is before the applications.
    func beginApplications(version: UInt64, _ tally: [InstanceStatus: Int], _ output: inout [UInt8]) {
        beginApplications(version: version, hashCode: Self.hashCode(tally), &output)
    }

    func beginApplications(version: UInt64, hashCode: String, _ output: inout [UInt8]) {
        output.append(
            literal: isXML ? "<applications><versions__delta>" : "{\"applications\":{\"versions__delta\":\"")
        output.append(contentsOf: String(version).utf8)
        output.append(literal: isXML ? "</versions__delta><apps__hashcode>" : "\",\"apps__hashcode\":\"")
        output.append(contentsOf: hashCode.utf8)
        output.append(literal: isXML ? "</apps__hashcode>" : "\",\"application\":[")
    }

    var endOfApplications: StaticString { isXML ? "</applications>" : "]}}" }

    /// One instance as an answer.
    func body(of instance: EurekaInstance) -> [UInt8] {
        var body: [UInt8] = []
        if isXML {
            instance.appendXML(isCompact: isCompact, to: &body)
        } else {
            body.append(literal: "{\"instance\":")
            instance.appendJSON(isCompact ? .compact : .full, to: &body)
            body.append(literal: "}")
        }
        return body
    }

    /// Each status with how many have it, in alphabetical order: `DOWN_1_UP_7_`. Clients reckon the same and fetch
    /// everything where it differs.
    static func hashCode(_ tally: [InstanceStatus: Int]) -> String {
        var counts: [String: Int] = [:]
        for (status, count) in tally {
            counts["\(EurekaStatus.known(Array(status.token.utf8)[...]))", default: 0] += count
        }
        return counts.filter { $0.value > 0 }.sorted { $0.key < $1.key }.map { "\($0.key)_\($0.value)_" }.joined()
    }
}

extension ContentType {
    static let xml = ContentType("application/xml")
}

/// Writes instances in one form.
struct EurekaWriter: InstanceWriter {
    let isXML: Bool
    let isCompact: Bool

    func append(_ leased: LeasedInstance, to body: inout [UInt8]) { append(EurekaInstance(leased), to: &body) }

    func append(_ instance: EurekaInstance, to body: inout [UInt8]) {
        if isXML {
            instance.appendXML(isCompact: isCompact, to: &body)
        } else {
            instance.appendJSON(isCompact ? .compact : .full, to: &body)
        }
    }
}

extension ListedResource {
    static func applications(_ form: EurekaForm) -> ListedResource { ListedResource(form.format, number: 0) }
    static func application(_ form: EurekaForm) -> ListedResource { ListedResource(form.format, number: 1) }
    static func vip(_ form: EurekaForm) -> ListedResource { ListedResource(form.format, number: 2) }
    static func secureVIP(_ form: EurekaForm) -> ListedResource { ListedResource(form.format, number: 3) }
    static func delta(_ form: EurekaForm) -> ListedResource { ListedResource(form.format, number: 4) }
    static func anywhere(_ form: EurekaForm) -> ListedResource { ListedResource(form.format, number: 5) }
}
