// The metrics of the process as Prometheus' own clients name, type and explain them, so that dashboards and alarms made
// for any program fit this one.

import System
import Telemetry

enum ProcessMetrics {
    static func append(_ text: inout PrometheusText) {
        guard let figures = ProcessFigures.read() else { return }
        text.counter("process_cpu_seconds_total", help: "Total user and system CPU time spent in seconds.") {
            $0.sample(figures.processorSeconds)
        }
        text.gauge("process_open_fds", help: "Number of open file descriptors.") { $0.sample(figures.openDescriptors) }
        text.gauge("process_max_fds", help: "Maximum number of open file descriptors.") {
            $0.sample(figures.mostDescriptors)
        }
        text.gauge("process_virtual_memory_bytes", help: "Virtual memory size in bytes.") {
            $0.sample(figures.virtualBytes)
        }
        text.gauge("process_virtual_memory_max_bytes", help: "Maximum amount of virtual memory available in bytes.") {
            $0.sample(figures.mostVirtualBytes)
        }
        text.gauge("process_resident_memory_bytes", help: "Resident memory size in bytes.") {
            $0.sample(figures.residentBytes)
        }
        text.gauge("process_start_time_seconds", help: "Start time of the process since unix epoch in seconds.") {
            $0.sample(figures.startTime)
        }
        text.gauge("process_threads", help: "Number of OS threads in the process.") { $0.sample(figures.threads) }
    }
}
