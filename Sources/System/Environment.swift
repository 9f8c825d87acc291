// All variables that the process was started with: getenv(3) finds only those whose names are known.

import CSystem

package enum Environment {
    /// The variables whose names are wanted. Of two of one name the first counts, as it does for getenv(3).
    package static func variables(where isWanted: (String) -> Bool) -> [String: String] {
        var found: [String: String] = [:]
        guard var entry = unsafe csystem_environment() else { return found }
        while let text = unsafe entry.pointee {
            unsafe entry += 1
            let parts = unsafe String(cString: text).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, found[String(parts[0])] == nil, isWanted(String(parts[0])) else { continue }
            found[String(parts[0])] = String(parts[1])
        }
        return found
    }
}
