"""The verbs that a function's docstring may begin with, and the other data of the rules of words."""

from __future__ import annotations

_IMPERATIVES = """
Abort Accept Acknowledge Acquire Activate Adapt Add Adjust Admit Advance Allocate Allow Announce Append Apply
Approve Archive Arm Arrange Ascertain Assemble Assert Assign Associate Attach Attempt Authenticate Authorize Await
Backfill Batch Begin Bind Block Book Bound Break Bring Broadcast Buffer Build Buy
Cache Calculate Call Cancel Cap Capture Carry Cast Catch Change Charge Check Choose Claim Clamp Classify Clean
Clear Close Collect Combine Commit Compact Compare Compile Complete Compose Compress Compute Concatenate Configure
Confirm Connect Construct Consume Continue Convert Copy Correct Count Create Cut
Debit Debounce Decide Declare Decode Decompose Decompress Decrease Decrement Decrypt Deduplicate Defer Define Delay
Delete Deliver Demand Deny Deposit Derive Describe Deserialize Detach Detect Determine Diagnose Disable Disarm
Discard Disconnect Dismiss Dispatch Display Dissociate Distribute Divide Do Download Drain Draw Drop Dump Duplicate
Echo Edit Emit Enable Encode Encrypt End Enforce Enqueue Ensure Enter Enumerate Erase Escape Establish Estimate
Evaluate Evict Examine Exchange Execute Exit Expand Expire Explain Export Expose Extend Extract
Fail Feed Fetch Fill Filter Find Finish Fire Fit Flag Flush Fold Follow Forbid Force Forget Format Forward Free
Freeze Fulfil
Gather Generate Get Give Go Grant Group Grow Guard Guess
Halt Hand Handle Hash Hold
Identify Ignore Import Include Increase Increment Index Infer Inform Inherit Initialize Insert Inspect Install
Interpret Interrupt Invalidate Invoke Issue Iterate
Join Keep Kill Label Launch Lay Lead Lease Leave Lend Let Limit Link List Listen Load Locate Lock Log
Make Map Mark Mask Match Measure Merge Migrate Mint Modify Monitor Mount Move Multiply Multiplex
Name Narrow Negotiate Normalize Note Notify Number
Obtain Offer Omit Open Order Override
Pack Pad Page Park Parse Partition Pass Patch Pause Peek Perform Permit Persist Pick Pin Ping Place Plan Play Poll Pop
Populate Post Postpone Prefix Prepare Prepend Present Preserve Prevent Price Print Probe Process Produce Project
Promote Prompt Propagate Protect Prove Provide Prune Publish Pull Purge Push Put
Query Queue Quote Raise Rank Reach React Read Rebuild Receive Recognize Recompute Reconcile Reconnect Record
Recover Redact Redeliver Redirect Reduce Refer Refill Refresh Refund Refuse Register Reject Relay Release Reload
Remember Remove Rename Render Renew Reopen Repair Repeat Replace Replay Reply Report Represent Request Require
Requeue Reschedule Reserve Reset Resize Resolve Respond Restart Restore Restrict Resume Retire Retrieve Retry
Return Reuse Revert Review Revoke Rewrite Rewind Rotate Round Route Run
Sample Save Scale Scan Schedule Scrub Seal Search Seed Segment Select Send Separate Serialize Serve Set Settle
Share Shift Shorten Show Shrink Shut Sign Signal Simulate Skip Sleep Slice Sort Spawn Spend Split Spread Stage
Start State Step Stop Store Stream Strip Submit Subscribe Substitute Subtract Suggest Sum Supply Support Suppress
Suspend Swap Sweep Switch Sync Synchronize
Tag Take Terminate Test Throttle Time Toggle Touch Trace Track Transcode Transfer Transform Translate Transmit
Traverse Trigger Trim Truncate Try Turn
Unbind Unblock Undo Unescape Unlock Unpack Unquote Unregister Unseal Unsubscribe Unwrap Update Upgrade Upload
Upsert Use
Validate Verify View Visit Wait Wake Walk Warn Watch Weigh Withdraw Withhold Work Wrap Write Yield
"""
IMPERATIVES = frozenset(_IMPERATIVES.split())
"""Add the verb that is missing, unless a word of this list has the same meaning."""

_THIRD_PERSON = """
Accepts Adds Applies Asks Becomes Begins Builds Calls Carries Checks Chooses Closes Collects Comes Computes
Contains Converts Counts Creates Decides Decodes Deletes Delivers Does Draws Encodes Ends Ensures Expires Explains
Fetches Finds Finishes Flushes Follows Gets Gives Goes Handles Has Hears Holds Inserts Is Joins Keeps Knows Lets
Listens Loads Maintains Makes Marks Moves Opens Owns Parses Passes Performs Prevents Provides Puts Raises Reads
Receives Registers Releases Removes Renders Replaces Represents Resolves Returns Runs Says Sees Selects Sends
Serves Shows Splits Starts Stops Stores Takes Tells Tracks Turns Updates Uses Validates Verifies Waits Wants Wraps
Writes
"""
THIRD_PERSON = frozenset(_THIRD_PERSON.split())
"""Forms that no noun phrase begins with; plurals of nouns (Limits, Requests, Names) are not among them."""

QUESTIONS = frozenset({"What", "Who", "Whom", "Whose", "Where", "How", "Whether", "Why", "Which", "When"})
"""No docstring begins with one of these. No sentence begins with one of ``SENTENCE_QUESTIONS``."""

SENTENCE_QUESTIONS = frozenset({"What", "Who", "Where", "How", "Whether"})

NAMES = {
    "answer": "response, reply, outcome",
    "answers": "responses, replies",
    "ask": "request",
    "asked": "requested",
    "desk": "the thing's own name",
    "ground": "context",
    "happening": "event",
    "haul": "batch",
    "hear": "handle, receive",
    "heard": "received",
    "hearing": "handle, listener",
    "hears": "handles",
    "jar": "cookies",
    "keeping": "store, cache",
    "look": "poll, find, check",
    "looks": "polls",
    "moments": "times",
    "refusal": "rejection, error",
    "rehearsal": "test credentials",
    "rehearse": "test",
    "room": "space, operations, folder",
    "rooms": "folders",
    "said": "reported",
    "taken": "claimed, accepted",
    "taking": "claim, acceptance",
    "tell": "notify, publish",
    "telling": "notify",
    "tells": "notifies",
    "told": "notified, published",
    "trouble": "failure",
    "verdict": "decision, outcome",
    "verdicts": "decisions, outcomes",
    "wish": "request",
}
"""From a word that no name contains to the field's word."""

TYPE_NAMES = {
    "line": "entry, connection",
    "lines": "entries, connections",
    "part": "segment",
    "parts": "segments, components",
}
"""Words that names of classes and modules do not contain either."""

_PARTICIPLES = """
Begun Bound Broken Chosen Done Drawn Found Given Gone Got Heard Held Kept Known Left Lost Made Met Paid Said Seen
Sent Shown Spent Taken Told Won Written
"""
PARTICIPLES = frozenset(_PARTICIPLES.split())

NOUNS = frozenset(
    {
        "Binding",
        "Encoding",
        "Everything",
        "Finding",
        "Listing",
        "Mapping",
        "Messaging",
        "Need",
        "Seed",
        "Setting",
        "Speed",
        "Thing",
        "Vetting",
    }
)
"""Names of classes that look like participles and are nouns."""

PHRASES = {
    r"\bshall\b": "must",
    r"\b(?:is|are) to be\b": "must be",
    r"\b(?:tells?|told)\b": "notify, report, return",
    r"\b(?:hears?|heard)\b": "receive, handle",
    r"\b(?:knows?|knew)\b": "hold, have, find",
    r"\b(?:says?|said)\b": "report, state, document",
    r"\bwants?\b": "request, need",
    r"\b(?:asks?|asked) for\b": "request",
    r"\blook(?:s|ed|ing)? (?:at|for|into|after)\b": "read, find, check",
    r"[;:,] answers?\b(?! (?:are|is|of|to|with|that|from)\b)": "return",
    r"\bstands? on\b": "use, build on, depend on",
}
"""From a pattern that no docstring holds to what stands there instead."""
