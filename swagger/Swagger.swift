// The contract for machines travels inside the binary, so that what a registry serves as /swagger.json is what it was
// built from.

/// The OpenAPI description of the REST API.
public enum Swagger {
    /// `registry.json` as it stands beside this file, as UTF-8.
    public static let json: [UInt8] = PackageResources.registry_json
}
