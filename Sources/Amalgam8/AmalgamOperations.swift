// The operations of the REST API, and their purposes: the names are those of the OpenAPI description.

import RegistryCore
import Serving

extension Operation {
    static let registerInstance = Operation("registerInstance", .change)
    static let listInstances = Operation("listInstances", .lookUp)
    static let getInstance = Operation("getInstance", .lookUp)
    static let deregisterInstance = Operation("deregisterInstance", .change)
    static let renewInstance = Operation("renewInstance", .heartbeat)
    static let setStatus = Operation("setStatus", .change)
    static let removeStatus = Operation("removeStatus", .change)
    static let drainInstance = Operation("drainInstance", .change)
    static let endDrain = Operation("endDrain", .change)
    static let renewInstances = Operation("renewInstances", .heartbeat)
    static let listServices = Operation("listServices", .lookUp)
    static let getService = Operation("getService", .lookUp)
    static let getServiceStatus = Operation("getServiceStatus", .lookUp)
    static let setServiceStatus = Operation("setServiceStatus", .change)
    static let removeServiceStatus = Operation("removeServiceStatus", .change)
    static let drainService = Operation("drainService", .change)
    static let endServiceDrain = Operation("endServiceDrain", .change)
    static let listTargets = Operation("listTargets", .lookUp)
    static let watchInstances = Operation("watchInstances", .lookUp)
    static let listEvents = Operation("listEvents", .history)
    static let listRefusals = Operation("listRefusals", .history)
}
