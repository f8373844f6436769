--- Continuations: `future:and_then`.
-- @module tandem.chain
-- @local
local check = require "tandem.check"
local core = require "tandem.core"
local pools = require "tandem.pool"

local chain = {}

-- `n` says which argument the task was.
local function and_then(n, future, pool, view, task, ...)
  check.task(n, "and_then", task)
  return core.and_then(future, pool, view and view.priority or 0,
    view and view.retries or 0, view and view.timeout, view and view.name,
    task, ...)
end

local function own_pool(future)
  local pool = core.pool_of(future)
  if pool then return pool end
  check.argument(1, "and_then", "this future has no pool, or its pool is "
    .. "gone: give one before the task")
end

--- Runs a task with the results of this future as its first arguments, in a
-- worker, when the future is done. A failure or a cancellation passes on; what
-- cancels the returned future cancels this one, too, if it has not started and
-- nobody else continues it.
--
-- The results go from worker to worker: the submitting state need not wait.
-- @tparam future future
-- @tparam[opt] pool|view pool where to run it; the future's own by default
-- @param task as for `pool:submit`
-- @param ... further arguments
-- @treturn future of the task's results
-- @function future:and_then
function chain.and_then(future, pool, ...)
  if not core.is_future(future) then
    check.fail("bad self of 'and_then' (expected a future, got "
      .. type(future) .. ")")
  end
  if core.is_pool(pool) then return and_then(2, future, pool, nil, ...) end
  if pools.is_view(pool) then
    return and_then(2, future, pool.pool, pool, ...)
  end
  return and_then(1, future, own_pool(future), nil, pool, ...)
end

return chain
