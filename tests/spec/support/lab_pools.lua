--- A session of the laboratory with pools that are real.
local runs = require "spec.support.runs"
local tandem = require "tandem"

local lab_pools = {}

local MAKERS = {
  thread = tandem.thread_pool, process = tandem.process_pool,
  serial = function() return tandem.serial_pool() end,
  one_lock = function(workers)
    return tandem.thread_pool { max_workers = workers, one_lock = true }
  end,
}

function lab_pools.session(values)
  local session = runs.session(values)
  function session.make_pool(kind, workers) return MAKERS[kind](workers) end
  return session
end

return lab_pools
