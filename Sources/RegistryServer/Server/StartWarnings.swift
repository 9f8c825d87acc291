// What an operator should know of the settings before the first request comes.

import Configuration
import Libevent
import Logging
import Serving

extension RegistryProcess {
    /// Logs what the settings are warned of, and what the system does not allow.
    func warn(_ warnings: [String]) {
        for warning in warnings { logger.warning("\(warning)") }
        if isMaxConnectionsGiven, context.connectionLimits.rules.connections < settings.maxConnections {
            logger.warning(
                "the limit on open files allows fewer connections than max_connections: raise the limit (ulimit -n)",
                metadata: [
                    "max_connections": "\(settings.maxConnections)",
                    "allowed": "\(context.connectionLimits.rules.connections)",
                ])
        }
    }
}
