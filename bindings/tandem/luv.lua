--- tandem in the event loop of luv (libuv).
--
--     local uv = require "luv"
--     require "tandem.luv"
--     coroutine.wrap(function() print(tandem.await(future)) end)()
--     uv.run()
--
-- Callbacks run from the loop, in which the coroutines that wait are resumed.
-- While some are to come the loop goes on; else it may end.
-- @module tandem.luv
local loop = require "tandem.loop"
local tandem = require "tandem"
local uv = require "luv"

local luv = {}

-- The handle that watches the descriptor; and what is attached.
local handle, watched, mine

local function is_open()
  return handle ~= nil and not handle:is_closing()
end

local function close()
  if is_open() then handle:close() end
  handle = nil
end

local function on_readable()
  tandem.poll()
end

--- Somebody may have closed all handles of the loop; and in a forked process
-- there is another descriptor.
local function need_handle()
  local fd = tandem.fileno()
  if is_open() and watched == fd then return end
  close()
  handle, watched = assert(uv.new_poll(fd)), fd
  assert(handle:start("r", on_readable))
  handle:unref()
end

local function hold(yes)
  if yes then
    need_handle()
    handle:ref()
  elseif is_open() then
    handle:unref()
  end
end

--- The loop's clock stands still while Lua runs, and between two runs.
local function after(seconds, fn)
  local timer = assert(uv.new_timer())
  uv.update_time()
  timer:start(math.ceil(seconds * 1000), 0, fn)
  return function()
    if not timer:is_closing() then timer:close() end
  end
end

--- Attaches tandem to the loop of this state, as `require` does.
function luv.attach()
  if mine then return end
  need_handle()
  mine = loop.attach { hold = hold, after = after }
end

--- Takes tandem out of the loop. Coroutines that wait go on when it is attached
-- again.
function luv.detach()
  if not mine then return end
  mine:detach()
  mine = nil
  close()
end

--- As `tandem.await`, where several loops are attached: in this one.
-- @tparam future future
-- @tparam ?number timeout
-- @return the task's results
function luv.await(future, timeout)
  luv.attach()
  return mine:await(future, timeout)
end

luv.attach()

return luv
