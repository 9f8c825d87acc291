import Testing

struct SkeletonTests {}
