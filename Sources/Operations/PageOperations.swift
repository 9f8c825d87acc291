// The pages by name, and their purposes: probes and scrapers come plain even where HTTPS is required (R613).

import RegistryCore
import Serving

extension Operation {
    static let root = Operation("root", .probe)
    static let uptime = Operation("uptime", .probe)
    static let livez = Operation("livez", .probe)
    static let readyz = Operation("readyz", .probe)
    static let metrics = Operation("metrics", .probe)
    static let swagger = Operation("swagger", .page)
    static let cluster = Operation("cluster", .page)
    static let catalogs = Operation("catalogs", .history)
    static let listNamespaces = Operation("listNamespaces", .operating)
    static let drainMember = Operation("drainMember", .operating)
    static let endMemberDrain = Operation("endMemberDrain", .operating)
    static let store = Operation("store", .page)
    static let reseedStore = Operation("reseedStore", .operating)
    static let acceptEmptyStore = Operation("acceptEmptyStore", .operating)
    static let takeOverStates = Operation("takeOverStates", .operating)
    static let snapshot = Operation("snapshot", .operating)
    static let webPage = Operation("webPage", .page)
    static let webPageFile = Operation("webPageFile", .page)
}
