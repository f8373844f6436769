--- Large values out and back. The serial column is tandem's serial pool: the
-- same encoding and decoding, no other thread. CPython's threads share one
-- heap and copy nothing, so only its processes are beside it.

local tandem = require "tandem"
local targets = require "bench.targets"

local now = tandem.now

local function seconds_each(pool, rounds, value)
  local start = now()
  for _ = 1, rounds do assert(pool:call("bench.tasks:echo", value)) end
  return (now() - start) / rounds
end

local function python(name, rounds)
  local words = ("%s %d"):format(name, rounds)
  return { executor = words, pool = words }
end

local function string_case(rounds)
  local MIB = 16
  local function figure(pool)
    local value = ("tandem\n\0"):rep(MIB * 131072)
    assert(pool:call("bench.tasks:echo", value) == value)
    return 2 * MIB / 1024 / seconds_each(pool, rounds, value)
  end
  return {
    name = "string of 16 MiB, both ways", unit = "GiB/s", better = "more",
    python = python("string", rounds),
    target = targets.at_least(4, 2),
    serial = function()
      local pool <close> = tandem.serial_pool()
      return figure(pool)
    end,
    tandem = figure,
  }
end

local function table_case(rounds)
  local COUNT = 100000
  local function figures(pool)
    local value = {}
    for i = 1, COUNT do value[i] = i * 977 end
    local back = pool:call("bench.tasks:echo", value)
    assert(#back == COUNT and back[COUNT] == value[COUNT])
    local rate = COUNT / seconds_each(pool, rounds, value)
    return rate, 2 * rate
  end
  return {
    name = "table of 1e5 integers", unit = "items/s", better = "more",
    python = python("table", rounds),
    target = targets.at_least(50e6, 48e6),
    also = {
      { name = "  counting out and back", unit = "items/s", better = "more" },
    },
    serial = function()
      local pool <close> = tandem.serial_pool()
      return figures(pool)
    end,
    tandem = figures,
  }
end

return function(options)
  local quick = options.scale < 1
  return {
    title = "data, out and back",
    note = "serial: tandem's serial pool. CPython's threads copy nothing.",
    string_case(quick and 3 or 10),
    table_case(quick and 5 or 30),
  }
end
