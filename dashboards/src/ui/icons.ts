/** All icons of the app, so that one look at this file shows their style. */
export {
  IconActivityHeartbeat, IconAlertTriangle, IconArrowLeft, IconArrowRight, IconArrowsMaximize, IconArrowsSort, IconBolt,
  IconBrandCodesandbox, IconCheck, IconChevronDown, IconChevronRight, IconCircleCheck, IconClipboard, IconCode, IconCopy, IconDatabase,
  IconDeviceFloppy, IconDots, IconDownload, IconEraser, IconExternalLink, IconFilter, IconGripVertical, IconHistory,
  IconKey, IconLayoutDashboard, IconLogout, IconMinus, IconMoon, IconPencil, IconPlayerPause, IconPlayerPlay, IconPlugConnected,
  IconPlus, IconRefresh, IconRotateClockwise, IconSearch, IconSend, IconServer2, IconSettings, IconShare, IconSun, IconSunMoon,
  IconTable, IconTag, IconTarget, IconTerminal2, IconTrash, IconUser, IconWebhook, IconX, IconChartLine, IconChartBar,
  IconChartDots3, IconFilterFilled, IconNumber123, IconArrowUp, IconArrowDown, IconListTree, IconCalendar, IconInbox,
} from '@tabler/icons-react';
