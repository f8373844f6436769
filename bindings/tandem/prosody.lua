--- tandem in the event loop of prosody, whatever its backend.
--
--     local tandem = require "tandem";
--     require "tandem.prosody";
--     -- in a handler that runs in util.async, such as mod_http's:
--     local answer = tandem.await(pool:submit("report:make", body));
--
-- @module tandem.prosody
local async = require "util.async"
local loop = require "tandem.loop"
local server = require "net.server"
local tandem = require "tandem"
local timer = require "util.timer"

local prosody = {}

-- What watches the descriptor; and what is attached.
local watcher, watched, mine

local function on_readable()
  tandem.poll()
end

local function close()
  if watcher then watcher:close() end
end

-- What libevent watches has no `close`.
local function let_go(self)
  self:setflags(false, false)
end

--- The server closes all it watches when it ends, and calls our close, too. In
-- a forked process, as with `prosody -D`, there is another descriptor.
local function need_watcher()
  local fd = tandem.fileno()
  if watcher and watched == fd then return end
  close()
  watcher, watched = server.watchfd(fd, on_readable), fd
  local close_it = watcher.close or let_go
  function watcher.close(...)
    watcher = nil
    return close_it(...)
  end
end

local function hold(yes)
  if yes then need_watcher() end
end

local Timer = { __close = function(self) timer.stop(self.id) end }

--- Waiters of util.async serve once, and are made anew.
local function waiter()
  local wait, done
  return function(seconds)
    wait, done = async.waiter(1, true)
    local id = seconds and timer.add_task(seconds, done)
    local _ <close> = id and setmetatable({ id = id }, Timer)
    wait()
  end, function()
    if done then done() end
  end
end

--- Attaches tandem to the server's loop, as `require` does.
function prosody.attach()
  if mine then return end
  need_watcher()
  mine = loop.attach { hold = hold, waiter = waiter }
end

--- Takes tandem out of the loop, as a module's `unload` may want. Coroutines
-- that wait go on when it is attached again.
function prosody.detach()
  if not mine then return end
  mine:detach()
  mine = nil
  close()
end

--- As `tandem.await`, where several loops are attached: in this one.
-- @tparam future future
-- @tparam ?number timeout
-- @return the task's results
function prosody.await(future, timeout)
  prosody.attach()
  return mine:await(future, timeout)
end

prosody.attach()

return prosody
