// The REST API that Amalgam8's clients speak, as rows.

import HTTP
package import Serving

/// The routes under /api/v1.
package enum AmalgamRoutes {
    package static let all = [
        Route(.post, "/api/v1/instances", .registerInstance, patient: InstanceHandlers.register),
        Route(.get, "/api/v1/instances", .listInstances, patient: ListHandlers.instances),
        Route(.get, "/api/v1/instances/{id}", .getInstance, handler: InstanceHandlers.get),
        Route(.delete, "/api/v1/instances/{id}", .deregisterInstance, patient: InstanceHandlers.deregister),
        Route(.put, "/api/v1/instances/{id}/heartbeat", .renewInstance, patient: InstanceHandlers.renew),
        Route(.put, "/api/v1/instances/{id}/status", .setStatus, patient: StatusHandlers.set),
        Route(.delete, "/api/v1/instances/{id}/status", .removeStatus, patient: StatusHandlers.remove),
        Route(.put, "/api/v1/instances/{id}/drain", .drainInstance, patient: StatusHandlers.drain),
        Route(.delete, "/api/v1/instances/{id}/drain", .endDrain, patient: StatusHandlers.endDrain),
        Route(.put, "/api/v1/heartbeats", .renewInstances, patient: BatchHandlers.renew),
        Route(.get, "/api/v1/services", .listServices, patient: ListHandlers.services),
        Route(.get, "/api/v1/services/{name}", .getService, patient: ListHandlers.service),
        Route(.get, "/api/v1/services/{name}/status", .getServiceStatus, handler: ServiceStatusHandlers.get),
        Route(.put, "/api/v1/services/{name}/status", .setServiceStatus, patient: ServiceStatusHandlers.set),
        Route(.delete, "/api/v1/services/{name}/status", .removeServiceStatus, patient: ServiceStatusHandlers.remove),
        Route(.put, "/api/v1/services/{name}/drain", .drainService, patient: ServiceStatusHandlers.drain),
        Route(.delete, "/api/v1/services/{name}/drain", .endServiceDrain, patient: ServiceStatusHandlers.endDrain),
        Route(.get, "/api/v1/targets", .listTargets, patient: ListHandlers.targets),
        Route(.get, "/api/v1/watch", .watchInstances, patient: WatchHandlers.watch),
        Route(.get, "/api/v1/events", .listEvents, patient: EventHandlers.list),
        Route(.get, "/api/v1/refusals", .listRefusals, handler: RefusalHandlers.list),
    ]
}
