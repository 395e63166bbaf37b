"""XML-RPC to one oned: calls within the budget, answers decoded strictly, pools read page by page."""
