--- How much memory this process has.
local memory = {}

--- The resident memory of this process, in bytes.
function memory.resident()
  local file <close> = assert(io.open("/proc/self/statm"))
  local _, pages = file:read("n", "n")
  return pages * 4096
end

return memory
