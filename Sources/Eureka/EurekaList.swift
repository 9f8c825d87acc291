// The lists of this API. What shows whole services is put together of what those have rendered, and shared; what picks
// instances is written for the occasion.

import Catalog
import JSON
import RegistryCore
import Serving

/// A requested list.
struct EurekaList: ListRequest {
    enum Content: Sendable {
        case all
        /// An application, by its name in any case.
        case application(Bytes)
        /// The instances with a virtual address, plain or secure.
        case vip(Bytes, isSecure: Bool)
        /// The instance of this id, in whatever application it is.
        case anywhere(Bytes)
        case delta
    }

    let namespace: Namespace
    let form: EurekaForm
    let content: Content

    var variant: String? { nil }

    func make(_ rendering: inout ListRendering) throws(RenderStop) -> RenderedList {
        switch content {
        case .all: try all(&rendering)
        case .application(let name): try application(name, &rendering)
        case .vip(let name, let isSecure): try picked(&rendering) { $0.hasVIP(name, isSecure: isSecure) }
        case .anywhere(let id): try anywhere(id, &rendering)
        case .delta: try delta(&rendering)
        }
    }

    private func version(_ rendering: borrowing ListRendering) -> UInt64 {
        rendering.lookup.revision(of: namespace).index
    }

    /// Services whose names differ in the case of letters only are one application.
    private static func applications(_ services: [RevisedName]) -> [(name: Bytes, services: [RevisedName])] {
        let grouped = Dictionary(grouping: services) { Array($0.name.text.utf8)[...].uppercased }
        return grouped.map { (name: $0.key, services: $0.value) }.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }

    private func all(_ rendering: inout ListRendering) throws(RenderStop) -> RenderedList {
        let version = version(rendering)
        let listing = try rendering.allServices()
        for (index, application) in Self.applications(listing.services).enumerated() {
            if index > 0, !form.isXML { rendering.append(literal: ",") }
            try append(application, &rendering)
        }
        rendering.append(literal: form.endOfApplications)
        var head: [UInt8] = []
        form.beginApplications(version: version, rendering.tally, &head)
        rendering.prepend(head)
        return rendering.finished(leavingOut: listing)
    }

    private func append(_ application: (name: Bytes, services: [RevisedName]), _ rendering: inout ListRendering)
        throws(RenderStop)
    {
        var head: [UInt8] = []
        form.beginApplication(application.name, &head)
        rendering.append(head)
        rendering.beginGroup()
        for service in application.services { try rendering.append(service) }
        rendering.append(literal: form.endOfApplication)
    }

    private func application(_ name: Bytes, _ rendering: inout ListRendering) throws(RenderStop) -> RenderedList {
        let services = try rendering.services().services.filter { Array($0.name.text.utf8)[...].equalsFolded(name) }
        if !form.isXML { rendering.append(literal: "{\"application\":") }
        try append((name.uppercased, services), &rendering)
        guard !rendering.isEmpty else { throw .refused(.noSuchService) }
        if !form.isXML { rendering.append(literal: "}") }
        return rendering.finished()
    }

    // MARK: - Picked

    private func picked(_ rendering: inout ListRendering, where isWanted: (Instance) -> Bool) throws(RenderStop)
        -> RenderedList
    {
        let version = version(rendering)
        var tally: [InstanceStatus: Int] = [:]
        var found = Found(form)
        let services = try rendering.allServices()
        found.overdue = services.overdue
        for (name, services) in Self.applications(services.services) {
            for service in services {
                let listing = try rendering.listing(of: service.name)
                found.overdue &+= listing.overdue
                found.liveUntil = min(found.liveUntil, listing.liveUntil)
                for leased in listing.instances {
                    try rendering.budget.scan(leased.instance.packedSize)
                    guard isWanted(leased.instance) else { continue }
                    tally[leased.instance.status, default: 0] += 1
                    try rendering.budget.make(found.append(EurekaInstance(leased), of: name))
                }
            }
        }
        return found.finished(&rendering, version: version, hashCode: EurekaForm.hashCode(tally))
    }

    private func anywhere(_ id: Bytes, _ rendering: inout ListRendering) throws(RenderStop) -> RenderedList {
        var (liveUntil, overdue) = (LeaseTime.distantFuture, UInt64(0))
        for service in try rendering.allServices().services {
            let listing = try rendering.listing(of: service.name)
            liveUntil = min(liveUntil, listing.liveUntil)
            overdue &+= listing.overdue
            for leased in listing.instances {
                try rendering.budget.scan(leased.instance.packedSize)
                guard EurekaInstance.instanceID(of: leased.instance).elementsEqual(id) else { continue }
                let body = form.body(of: EurekaInstance(leased))
                try rendering.budget.make(body.count)
                return rendering.finished(body, liveUntil: liveUntil, overdue: overdue, isKept: false)
            }
        }
        throw .refused(.noSuchInstance)
    }

    /// Applications written one by one.
    struct Found {
        private let form: EurekaForm
        private var body: [UInt8] = []
        private var application: Bytes?
        var liveUntil = LeaseTime.distantFuture
        var overdue: UInt64 = 0

        init(_ form: EurekaForm) { self.form = form }

        /// Appends an instance; those of one application come one behind the other. Returns how many bytes that were.
        mutating func append(_ instance: EurekaInstance, of name: Bytes) -> Int {
            let before = body.count
            if application != name {
                if application != nil { body.append(literal: form.endOfApplication) }
                if application != nil, !form.isXML { body.append(literal: ",") }
                form.beginApplication(name, &body)
                application = name
            } else if !form.isXML {
                body.append(literal: ",")
            }
            EurekaWriter(isXML: form.isXML, isCompact: form.isCompact).append(instance, to: &body)
            return body.count - before
        }

        func finished(_ rendering: inout ListRendering, version: UInt64, hashCode: String) -> RenderedList {
            var whole: [UInt8] = []
            whole.reserveCapacity(body.count + 256)
            form.beginApplications(version: version, hashCode: hashCode, &whole)
            whole += body
            if application != nil { whole.append(literal: form.endOfApplication) }
            whole.append(literal: form.endOfApplications)
            return rendering.finished(whole, liveUntil: liveUntil, overdue: overdue)
        }
    }
}

extension Instance {
    /// Whether a virtual address is among those of this instance, in any case. That of another protocol's is its
    /// service's name.
    func hasVIP(_ name: Bytes, isSecure: Bool) -> Bool {
        guard let extra = extraUTF8 else { return !isSecure && serviceNameUTF8.equalsFolded(name) }
        let list = isSecure ? EurekaExtra.instance(in: Array(extra))?[.secureVIP] : EurekaExtra.vip(in: Array(extra))
        return list?.split(separator: UInt8(ascii: ",")).contains { $0.equalsFolded(name) } ?? false
    }
}
