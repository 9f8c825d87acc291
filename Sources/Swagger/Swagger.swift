// The contract for machines travels inside the binary, so that what a registry serves as /swagger.json is what it was
// built from.

import CSwagger

/// The OpenAPI description of the REST API.
public enum Swagger {
    /// `swagger/registry.json` as it stands, as UTF-8.
    public static let json = unsafe [UInt8](
        UnsafeBufferPointer(start: cswagger_registry_json, count: cswagger_registry_json_size))
}
