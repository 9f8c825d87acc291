// Whatever the body of Envoy's request is, it is refused or names clusters; only JSON is taken; and what is known of
// bodies before changes nothing that is read of this one.

import JSON
import Serving

@testable import Envoy

enum EnvoyProperty {
    /// What is known of all bodies before.
    private static let warm = ExtensionMemory()

    private enum Reading: Equatable {
        case wish(clusters: [[UInt8]], key: [UInt8], version: [UInt8]?)
        case refused(String)

        init(_ body: [UInt8], _ memory: ExtensionMemory) {
            do throws(Refused) {
                let wish = try EndpointsWish(body, memory)
                self = .wish(clusters: wish.clusters.map(\.name), key: wish.key, version: wish.version)
            } catch { self = .refused("\(error)") }
        }
    }

    static func violation(_ bytes: [UInt8]) -> String? {
        let cold = ExtensionMemory()
        let reading = Reading(bytes, cold)
        for (memory, name) in [(cold, "itself"), (warm, "others"), (warm, "all")] {
            let again = Reading(bytes, memory)
            guard again == reading else { return "it is \(reading), and \(again) after \(name)" }
        }
        guard case .wish(let clusters, _, _) = reading else { return nil }
        guard (1...EndpointsWish.mostNames).contains(clusters.count), Set(clusters).count == clusters.count else {
            return "\(clusters.count) clusters, or one of them twice"
        }
        return isJSON(bytes) ? nil : "what is no JSON is taken"
    }

    private static func isJSON(_ bytes: [UInt8]) -> Bool {
        do throws(JSONError) {
            var reader = JSONReader(bytes)
            try reader.skipValue()
            try reader.finish()
            return true
        } catch { return false }
    }
}
