--- How much memory this process has.
local memory = {}

--- The resident memory of this process, in bytes.
function memory.resident()
  local file <close> = assert(io.open("/proc/self/status"))
  return tonumber(file:read("a"):match("\nVmRSS:%s*(%d+) kB")) * 1024
end

return memory
