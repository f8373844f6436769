--- Sizes that shrink where everything is slow.
--
-- Under a sanitizer, and with the collector always at work, a million of
-- anything takes minutes. What such a spec shows is shown by fewer as well.
local slow_modes = { asan = true, tsan = true, cov = true, debug = true }

local scale = {}

--- The sanitizers want terabytes of address space, so no limit on it.
scale.sanitized = os.getenv("TANDEM_MODE") == "asan"
  or os.getenv("TANDEM_MODE") == "tsan"

--- ThreadSanitizer puts a signal off until the next call that it knows, and a
-- loop of Lua makes none: such code cannot be stopped there, only given up.
scale.defers_signals = os.getenv("TANDEM_MODE") == "tsan"

local is_slow = slow_modes[os.getenv("TANDEM_MODE")] == true
local is_collecting = (os.getenv("LUA_INIT") or "")
  :find("collectgarbage", 1, true) ~= nil

local divisor = is_collecting and 500 or is_slow and 50 or 1

scale.slow = divisor > 1

--- `n`, or a small part of it where everything is slow; but not nothing.
function scale.down(n)
  return math.max(n // divisor, math.min(n, 20))
end

return scale
