// Nothing: a target to hang the packages that the registry depends on, so that a container's build makes them in a layer of their own.
