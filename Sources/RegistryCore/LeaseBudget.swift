// How the settings bound what may expire at once.

package import Catalog
package import Configuration

extension Settings {
    /// EXPIRY_BUDGET, and how long what is beyond it is held at most.
    package var leaseBudget: ExpiryBudget { ExpiryBudget(share: expiryBudget, longest: expiryHold.wholeMilliseconds) }
}
